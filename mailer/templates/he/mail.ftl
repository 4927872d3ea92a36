# עברית, בלשון שמתאימה לכולם
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = קוד האימות שלך עבור { $app }
subject_with_code = { $code } הוא קוד האימות שלך עבור { $app }

intro = יש להזין את הקוד במקום שבו ביקשת אותו.
validity =
    { $minutes ->
        [one] הקוד תקף לדקה אחת וניתן להשתמש בו פעם אחת בלבד.
        [two] הקוד תקף לשתי דקות וניתן להשתמש בו פעם אחת בלבד.
       *[other] הקוד תקף ל-{ $minutes } דקות וניתן להשתמש בו פעם אחת בלבד.
    }
secret = אין לשתף אותו עם אף אחד, לא משנה מי מבקש.
place = מיקום משוער של הבקשה: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = לא ביקשת את הקוד הזה?
ignore = במקרה כזה אפשר להתעלם מההודעה הזו: בלי הקוד אף אחד לא יוכל לאמת את הכתובת שלך.
report = בלי הקוד אף אחד לא יוכל לאמת את הכתובת שלך. אפשר לדווח לנו שהבקשה לא הגיעה ממך:
report_link = דיווח על הבקשה

footer = ההודעה הזו נשלחה אליך כי ב-{ $app } התבקש קוד עבור הכתובת הזו.
