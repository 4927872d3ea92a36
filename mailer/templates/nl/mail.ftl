# Nederlands, met u
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Uw code voor { $app }
subject_with_code = { $code } is uw code voor { $app }

intro = Voer deze code in waar u hem hebt aangevraagd.
validity =
    { $minutes ->
        [one] De code is { $minutes } minuut geldig en kan maar één keer worden gebruikt.
       *[other] De code is { $minutes } minuten geldig en kan maar één keer worden gebruikt.
    }
secret = Deel hem met niemand, wie er ook om vraagt.
place = Locatie van de aanvraag (bij benadering): { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = Hebt u deze code niet aangevraagd?
ignore = Dan kunt u deze e-mail negeren: zonder de code kan niemand uw adres bevestigen.
report = Zonder de code kan niemand uw adres bevestigen. Laat ons weten dat u het niet was:
report_link = Deze aanvraag melden

footer = U ontvangt deze e-mail omdat bij { $app } een code voor dit adres is aangevraagd.
