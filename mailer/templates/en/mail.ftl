# English
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = Your code for { $app }
subject_with_code = { $code } is your code for { $app }

intro = Enter this code where you asked for it.
validity =
    { $minutes ->
        [one] The code is valid for { $minutes } minute and can be used once.
       *[other] The code is valid for { $minutes } minutes and can be used once.
    }
secret = Do not share it with anyone, no matter who asks.
place = Approximate location of the request: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = Didn’t ask for this code?
ignore = Then you can ignore this email: without the code, nobody can confirm your address.
report = Without the code, nobody can confirm your address. Please let us know that it was not you:
report_link = Report this request

footer = You are receiving this email because a code for this address was requested from { $app }.
