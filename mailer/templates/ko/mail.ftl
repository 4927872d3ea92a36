# 한국어, 높임말
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = { $app } 인증 코드
subject_with_code = { $app } 인증 코드: { $code }

intro = 코드를 요청한 화면에 이 코드를 입력해 주세요.
validity = 코드는 { $minutes }분 동안 유효하며 한 번만 사용할 수 있습니다.
secret = 누가 요청하더라도 코드를 알려 주지 마세요.
place = 대략적인 요청 위치: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = 본인이 요청하지 않으셨나요?
ignore = 그렇다면 이 메일을 무시하셔도 됩니다. 코드가 없으면 아무도 고객님의 이메일 주소를 인증할 수 없습니다.
report = 코드가 없으면 아무도 고객님의 이메일 주소를 인증할 수 없습니다. 본인이 요청하지 않았다고 알려 주세요:
report_link = 이 요청 신고하기

footer = 이 메일은 { $app }에서 이 주소에 대한 인증 코드가 요청되어 발송되었습니다.
