# Español, de usted
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Su código para { $app }
subject_with_code = { $code } es su código para { $app }

intro = Introduzca este código donde lo solicitó.
validity =
    { $minutes ->
        [one] El código es válido durante { $minutes } minuto y solo puede usarse una vez.
       *[other] El código es válido durante { $minutes } minutos y solo puede usarse una vez.
    }
secret = No lo comparta con nadie, aunque se lo pidan.
place = Ubicación aproximada de la solicitud: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = ¿No ha solicitado este código?
ignore = En ese caso, puede ignorar este correo: sin el código, nadie puede confirmar su dirección.
report = Sin el código, nadie puede confirmar su dirección. Le agradecemos que nos avise de que no fue usted:
report_link = Informar de esta solicitud

footer = Ha recibido este correo porque en { $app } se solicitó un código para esta dirección.
