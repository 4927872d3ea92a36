# हिन्दी, «आप» के साथ
# What the variables are: $app the application's name, $code the code (in a subject only with OTP_CODE_IN_SUBJECT),
# $minutes how long the code is valid, $place where roughly it was asked from.

# The subject, and the headline.
subject = आपका { $app } सत्यापन कोड
subject_with_code = { $code } आपका { $app } सत्यापन कोड है

intro = यह कोड वहीं डालें जहाँ आपने इसे माँगा था।
validity = यह कोड { $minutes } मिनट तक मान्य है और इसका उपयोग केवल एक बार किया जा सकता है।
secret = इसे किसी के साथ साझा न करें, चाहे कोई भी माँगे।
place = अनुरोध का अनुमानित स्थान: { $place }

# What whoever did not ask is told: one sentence where the mail has no link to report it, the other above the link.
not_you = क्या आपने यह कोड नहीं माँगा था?
ignore = तब आप इस ईमेल को अनदेखा कर सकते हैं: कोड के बिना कोई भी आपके पते की पुष्टि नहीं कर सकता।
report = कोड के बिना कोई भी आपके पते की पुष्टि नहीं कर सकता। कृपया हमें बताएँ कि यह अनुरोध आपने नहीं किया था:
report_link = इस अनुरोध की सूचना दें

footer = आपको यह ईमेल इसलिए मिला है क्योंकि { $app } पर इस पते के लिए कोड माँगा गया था।
