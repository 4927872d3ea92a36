# Português do Brasil, com você
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Seu código para { $app }
subject_with_code = { $code } é o seu código para { $app }

intro = Digite este código onde você o solicitou.
validity =
    { $minutes ->
        [one] O código é válido por { $minutes } minuto e só pode ser usado uma vez.
       *[other] O código é válido por { $minutes } minutos e só pode ser usado uma vez.
    }
secret = Não o compartilhe com ninguém, não importa quem peça.
place = Local aproximado da solicitação: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = Não solicitou este código?
ignore = Nesse caso, você pode ignorar este e-mail: sem o código, ninguém consegue confirmar seu endereço.
report = Sem o código, ninguém consegue confirmar seu endereço. Por favor, avise-nos de que não foi você:
report_link = Denunciar esta solicitação

footer = Você recebeu este e-mail porque um código para este endereço foi solicitado em { $app }.
