# Русский, на «вы»; имя в кавычках, потому что оно не склоняется
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Ваш код для сервиса «{ $app }»
subject_with_code = { $code } — ваш код для сервиса «{ $app }»

intro = Введите этот код там, где вы его запросили.
validity =
    { $minutes ->
        [one] Код действует { $minutes } минуту, использовать его можно только один раз.
        [few] Код действует { $minutes } минуты, использовать его можно только один раз.
        [many] Код действует { $minutes } минут, использовать его можно только один раз.
       *[other] Код действует { $minutes } минуты, использовать его можно только один раз.
    }
secret = Никому его не сообщайте, кто бы об этом ни просил.
place = Примерное место запроса: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = Вы не запрашивали этот код?
ignore = Тогда просто не обращайте внимания на это письмо: без кода никто не сможет подтвердить ваш адрес.
report = Без кода никто не сможет подтвердить ваш адрес. Пожалуйста, сообщите нам, что запрос сделали не вы:
report_link = Сообщить о запросе

footer = Вы получили это письмо, потому что в сервисе «{ $app }» запросили код для этого адреса.
