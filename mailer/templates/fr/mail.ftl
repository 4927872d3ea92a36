# Français, avec « vous »; les espaces devant « : » et « ? » sont insécables
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Votre code pour { $app }
subject_with_code = { $code } est votre code pour { $app }

intro = Saisissez ce code là où vous l’avez demandé.
validity =
    { $minutes ->
        [one] Ce code est valable { $minutes } minute et ne peut être utilisé qu’une seule fois.
       *[other] Ce code est valable { $minutes } minutes et ne peut être utilisé qu’une seule fois.
    }
secret = Ne le communiquez à personne, même si on vous le demande.
place = Lieu approximatif de la demande : { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = Vous n’avez pas demandé ce code ?
ignore = Vous pouvez alors ignorer cet e-mail : sans le code, personne ne peut confirmer votre adresse.
report = Sans le code, personne ne peut confirmer votre adresse. Merci de nous signaler que cette demande ne vient pas de vous :
report_link = Signaler cette demande

footer = Vous recevez cet e-mail parce qu’un code pour cette adresse a été demandé auprès de { $app }.
