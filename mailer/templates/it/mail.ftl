# Italiano, con il tu che i servizi usano
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Il tuo codice per { $app }
subject_with_code = { $code } è il tuo codice per { $app }

intro = Inserisci questo codice dove lo hai richiesto.
validity =
    { $minutes ->
        [one] Il codice è valido per { $minutes } minuto e può essere usato una sola volta.
       *[other] Il codice è valido per { $minutes } minuti e può essere usato una sola volta.
    }
secret = Non condividerlo con nessuno, chiunque te lo chieda.
place = Posizione approssimativa della richiesta: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = Non hai richiesto questo codice?
ignore = In tal caso puoi ignorare questa e-mail: senza il codice nessuno può confermare il tuo indirizzo.
report = Senza il codice nessuno può confermare il tuo indirizzo. Facci sapere che la richiesta non è partita da te:
report_link = Segnala questa richiesta

footer = Hai ricevuto questa e-mail perché su { $app } è stato richiesto un codice per questo indirizzo.
