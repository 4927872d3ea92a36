# 简体中文，用“您”
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = 您的 { $app } 验证码
subject_with_code = { $code } 是您的 { $app } 验证码

intro = 请在您获取验证码的页面输入此验证码。
validity = 验证码在 { $minutes } 分钟内有效，且只能使用一次。
secret = 无论对方是谁，请勿将验证码告诉他人。
place = 请求的大致位置：{ $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = 不是您本人的操作？
ignore = 您可以忽略此邮件。没有验证码，任何人都无法验证您的邮箱地址。
report = 没有验证码，任何人都无法验证您的邮箱地址。请告诉我们这不是您本人的请求：
report_link = 举报此请求

footer = 您收到此邮件，是因为有人在 { $app } 为此邮箱地址申请了验证码。
