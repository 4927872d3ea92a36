# 日本語、です・ます調
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = { $app } の認証コード
subject_with_code = { $code } は { $app } の認証コードです

intro = このコードを、リクエストした画面に入力してください。
validity = コードは { $minutes } 分間有効で、1 回だけ使用できます。
secret = 誰に求められても、このコードを教えないでください。
place = リクエスト元のおおよその場所：{ $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = お心当たりがない場合
ignore = このメールは無視していただいて問題ありません。コードがなければ、誰もお客様のメールアドレスを認証できません。
report = コードがなければ、誰もお客様のメールアドレスを認証できません。お手数ですが、以下よりお知らせください。
report_link = このリクエストを報告する

footer = このメールは、{ $app } でこのメールアドレスの認証コードがリクエストされたため、お送りしています。
