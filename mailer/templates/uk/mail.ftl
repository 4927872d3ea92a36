# Українська, на «ви»; назва в лапках, бо вона не відмінюється
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Ваш код для сервісу «{ $app }»
subject_with_code = { $code } — ваш код для сервісу «{ $app }»

intro = Введіть цей код там, звідки ви надіслали запит.
validity =
    { $minutes ->
        [one] Код дійсний { $minutes } хвилину, скористатися ним можна лише один раз.
        [few] Код дійсний { $minutes } хвилини, скористатися ним можна лише один раз.
        [many] Код дійсний { $minutes } хвилин, скористатися ним можна лише один раз.
       *[other] Код дійсний { $minutes } хвилини, скористатися ним можна лише один раз.
    }
secret = Нікому його не повідомляйте, хоч би хто про це просив.
place = Приблизне місце запиту: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = Ви не надсилали цей запит?
ignore = Тоді просто не зважайте на цей лист: без коду ніхто не зможе підтвердити вашу адресу.
report = Без коду ніхто не зможе підтвердити вашу адресу. Будь ласка, повідомте нас, що запит надіслали не ви:
report_link = Повідомити про запит

footer = Ви отримали цей лист, бо сервіс «{ $app }» отримав запит на код для цієї адреси.
