/** What the page for reports says, in the languages that the first page has. */

export const WORDS = {
  en: {
    title: 'I did not ask for this code',
    about: 'Someone entered your address, and a code was mailed to you. Without that code nothing can be done with your address. Do not pass it on. Press the button, and the code stops working.',
    pause: 'Send me no codes of this sender for a day',
    send: 'I did not ask for this code',
    done: 'Thank you. The code does not work any more.',
    paused: 'Thank you. The code does not work any more, and this sender mails you no codes for a day. That ends by itself.',
    bad: 'This link is incomplete. Open it from the mail once more, or copy all of it.',
    limited: 'Too many requests from your network. Please try again in {seconds} s.',
    away: 'The service cannot be reached. Please try again in a moment.',
  },
  de: {
    title: 'Ich habe diesen Code nicht angefordert',
    about: 'Jemand hat Ihre Adresse eingegeben, und ein Code wurde an Sie gesendet. Ohne diesen Code lässt sich mit Ihrer Adresse nichts anfangen. Geben Sie ihn nicht weiter. Ein Druck auf den Knopf, und der Code gilt nicht mehr.',
    pause: 'Einen Tag lang keine Codes dieses Absenders an mich senden',
    send: 'Ich habe diesen Code nicht angefordert',
    done: 'Danke. Der Code gilt nicht mehr.',
    paused: 'Danke. Der Code gilt nicht mehr, und dieser Absender sendet Ihnen einen Tag lang keine Codes. Danach endet das von selbst.',
    bad: 'Dieser Link ist unvollständig. Öffnen Sie ihn noch einmal aus der E-Mail, oder kopieren Sie ihn ganz.',
    limited: 'Zu viele Anfragen aus Ihrem Netz. Bitte in {seconds} s noch einmal versuchen.',
    away: 'Der Dienst ist nicht erreichbar. Bitte gleich noch einmal versuchen.',
  },
  fr: {
    title: 'Je n’ai pas demandé ce code',
    about: 'Quelqu’un a saisi votre adresse, et un code vous a été envoyé. Sans ce code, on ne peut rien faire avec votre adresse. Ne le communiquez à personne. Appuyez sur le bouton et le code ne fonctionnera plus.',
    pause: 'Ne plus m’envoyer de codes de cet expéditeur pendant un jour',
    send: 'Je n’ai pas demandé ce code',
    done: 'Merci. Le code ne fonctionne plus.',
    paused: 'Merci. Le code ne fonctionne plus, et cet expéditeur ne vous enverra pas de codes pendant un jour. Cela prend fin tout seul.',
    bad: 'Ce lien est incomplet. Ouvrez-le de nouveau depuis l’e-mail, ou copiez-le en entier.',
    limited: 'Trop de requêtes depuis votre réseau. Réessayez dans {seconds} s.',
    away: 'Le service est injoignable. Réessayez dans un instant.',
  },
  es: {
    title: 'No he pedido este código',
    about: 'Alguien escribió su dirección y se le envió un código. Sin ese código no se puede hacer nada con su dirección. No lo comparta. Pulse el botón y el código dejará de funcionar.',
    pause: 'No enviarme códigos de este remitente durante un día',
    send: 'No he pedido este código',
    done: 'Gracias. El código ya no funciona.',
    paused: 'Gracias. El código ya no funciona, y este remitente no le enviará códigos durante un día. Eso termina por sí solo.',
    bad: 'Este enlace está incompleto. Ábralo de nuevo desde el correo o cópielo entero.',
    limited: 'Demasiadas solicitudes desde su red. Inténtelo de nuevo en {seconds} s.',
    away: 'No se puede acceder al servicio. Inténtelo de nuevo en un momento.',
  },
};

/**
 * The words of the first language that there is one of.
 * @param {readonly string[]} wanted as browsers have them
 */
export function wordsFor(wanted) {
  const language = wanted.map((tag) => tag.toLowerCase().split('-')[0]).find((tag) => tag in WORDS) ?? 'en';
  return { language, words: WORDS[language] };
}
