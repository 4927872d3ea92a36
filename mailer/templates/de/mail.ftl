# Deutsch, per Sie
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Ihr Code für { $app }
subject_with_code = { $code } ist Ihr Code für { $app }

intro = Geben Sie diesen Code dort ein, wo Sie ihn angefordert haben.
validity =
    { $minutes ->
        [one] Der Code ist { $minutes } Minute gültig und kann nur einmal verwendet werden.
       *[other] Der Code ist { $minutes } Minuten gültig und kann nur einmal verwendet werden.
    }
secret = Geben Sie ihn an niemanden weiter, ganz gleich, wer danach fragt.
place = Ungefährer Ort der Anfrage: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = Sie haben keinen Code angefordert?
ignore = Dann können Sie diese E-Mail ignorieren: Ohne den Code kann niemand Ihre Adresse bestätigen.
report = Ohne den Code kann niemand Ihre Adresse bestätigen. Bitte teilen Sie uns mit, dass die Anfrage nicht von Ihnen kam:
report_link = Anfrage melden

footer = Sie erhalten diese E-Mail, weil bei { $app } ein Code für diese Adresse angefordert wurde.
