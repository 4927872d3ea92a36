# Polski; bez form męskich i żeńskich
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Twój kod do serwisu { $app }
subject_with_code = { $code } to Twój kod do serwisu { $app }

intro = Wpisz ten kod tam, gdzie o niego poproszono.
validity =
    { $minutes ->
        [one] Kod jest ważny przez { $minutes } minutę i można go użyć tylko raz.
        [few] Kod jest ważny przez { $minutes } minuty i można go użyć tylko raz.
        [many] Kod jest ważny przez { $minutes } minut i można go użyć tylko raz.
       *[other] Kod jest ważny przez { $minutes } minuty i można go użyć tylko raz.
    }
secret = Nie udostępniaj go nikomu, bez względu na to, kto o niego prosi.
place = Przybliżone miejsce wysłania prośby: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = To nie była Twoja prośba?
ignore = W takim razie możesz zignorować tę wiadomość: bez kodu nikt nie potwierdzi Twojego adresu.
report = Bez kodu nikt nie potwierdzi Twojego adresu. Daj nam znać, że prośba nie pochodzi od Ciebie:
report_link = Zgłoś tę prośbę

footer = Otrzymujesz tę wiadomość, ponieważ w serwisie { $app } poproszono o kod dla tego adresu.
