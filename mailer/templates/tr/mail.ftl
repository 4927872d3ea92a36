# Türkçe, siz ile; sayıdan sonra çoğul eki gelmez
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = { $app } doğrulama kodunuz
subject_with_code = { $code }, { $app } doğrulama kodunuzdur

intro = Bu kodu, talep ettiğiniz sayfaya girin.
validity = Kod { $minutes } dakika geçerlidir ve yalnızca bir kez kullanılabilir.
secret = Kim isterse istesin, kodu kimseyle paylaşmayın.
place = Talebin yaklaşık konumu: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = Bu kodu siz talep etmediniz mi?
ignore = Öyleyse bu e-postayı dikkate almayabilirsiniz: Kod olmadan kimse adresinizi doğrulayamaz.
report = Kod olmadan kimse adresinizi doğrulayamaz. Lütfen bu talebin size ait olmadığını bize bildirin:
report_link = Bu talebi bildirin

footer = Bu e-postayı, { $app } üzerinde bu adres için bir kod talep edildiği için aldınız.
