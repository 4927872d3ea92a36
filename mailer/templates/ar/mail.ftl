# العربية، بصيغة تناسب الجميع
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = رمز التحقق الخاص بك في { $app }
subject_with_code = { $code } هو رمز التحقق الخاص بك في { $app }

intro = يُرجى إدخال هذا الرمز في الصفحة التي طُلب منها.
validity =
    { $minutes ->
        [one] الرمز صالح لمدة دقيقة واحدة، ولا يمكن استخدامه إلا مرة واحدة.
        [two] الرمز صالح لمدة دقيقتين، ولا يمكن استخدامه إلا مرة واحدة.
        [few] الرمز صالح لمدة { $minutes } دقائق، ولا يمكن استخدامه إلا مرة واحدة.
        [many] الرمز صالح لمدة { $minutes } دقيقة، ولا يمكن استخدامه إلا مرة واحدة.
       *[other] الرمز صالح لمدة { $minutes } دقيقة، ولا يمكن استخدامه إلا مرة واحدة.
    }
secret = يُرجى عدم مشاركته مع أي شخص، مهما كانت صفته.
place = الموقع التقريبي للطلب: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = ألم يصدر هذا الطلب منك؟
ignore = يمكنك إذًا تجاهل هذه الرسالة: لا يمكن لأحد تأكيد عنوانك من دون الرمز.
report = لا يمكن لأحد تأكيد عنوانك من دون الرمز. يُرجى إبلاغنا بأن الطلب لم يصدر منك:
report_link = الإبلاغ عن هذا الطلب

footer = وصلتك هذه الرسالة لأنه طُلب رمز لهذا العنوان في { $app }.
