# 繁體中文，用「您」
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = 您的 { $app } 驗證碼
subject_with_code = { $code } 是您的 { $app } 驗證碼

intro = 請在您索取驗證碼的頁面輸入此驗證碼。
validity = 驗證碼於 { $minutes } 分鐘內有效，且只能使用一次。
secret = 無論對方是誰，請勿將驗證碼告訴他人。
place = 提出要求的大概位置：{ $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = 不是您本人提出的要求？
ignore = 您可以忽略這封電子郵件。沒有驗證碼，任何人都無法驗證您的電子郵件地址。
report = 沒有驗證碼，任何人都無法驗證您的電子郵件地址。請告訴我們這不是您本人的要求：
report_link = 回報此要求

footer = 您收到這封電子郵件，是因為有人在 { $app } 為此電子郵件地址索取驗證碼。
