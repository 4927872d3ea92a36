/** Says for whoever got a code that nobody here asked for it. Nothing happens before the button: scanners follow links. */

import { setText } from '../js/dom.js';
import { wordsFor } from './report-words.js';

const element = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search).get('lang');
const { language, words } = wordsFor([asked, ...navigator.languages].filter(Boolean));
/** Behind the `#`, so that it reaches no server before the button is pressed. */
const token = location.hash.slice(1);

document.documentElement.lang = language;
document.title = `${words.title} – DistOTP`;
for (const item of document.querySelectorAll('[data-t]')) setText(item, words[item.dataset.t]);
if (token === '') setText(element('error'), words.bad);
element('report').hidden = token === '';
element('report').addEventListener('submit', async (event) => {
  event.preventDefault();
  const pause = element('pause').checked;
  element('send').disabled = true;
  setText(element('error'), '');
  const problem = await send(pause);
  element('send').disabled = false;
  if (problem !== null) {
    setText(element('error'), problem);
    return;
  }
  element('report').hidden = true;
  setText(element('status'), pause ? words.paused : words.done);
  // The link has done its work: it need not stay in the address bar and the history.
  history.replaceState(null, '', location.pathname + location.search);
});

/** What went wrong, in words; null for nothing. */
async function send(pause) {
  try {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch('v1/reports', { method: 'POST', headers, body: JSON.stringify({ token, pause }) });
    if (answer.ok) return null;
    if (answer.status === 429) return words.limited.replace('{seconds}', answer.headers.get('retry-after') ?? '60');
    return answer.status < 500 ? words.bad : words.away;
  } catch {
    return words.away;
  }
}
