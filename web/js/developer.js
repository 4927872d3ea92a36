/** The developer view: raw events, the same requests for a shell, and the lines for another page. */

import { make, setText } from './dom.js';
import { clockTime } from './format.js';

/** Lines are added at the end and dropped at the front, as in the timeline. */
export function showLog(log, { timeline }) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  const first = timeline[0]?.n ?? Infinity;
  while (log.firstChild && Number(log.firstChild.dataset.n) < first) log.firstChild.remove();
  const last = Number(log.lastChild?.dataset.n ?? -1);
  log.append(...timeline.filter(({ n }) => n > last).map(logLine));
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function logLine({ n, kind, seq, event, at, data }) {
  const json = Object.keys(data).length > 0 ? JSON.stringify(data) : '';
  const marks = { 'data-n': String(n), 'data-kind': kind, 'data-event': event, 'data-seq': String(seq ?? '') };
  return make('li', marks, make('time', {}, clockTime(at)), make('span', {}, seq === null ? '·' : `#${seq}`), make('b', {}, event), make('code', {}, json));
}

/** A listing with its name and a button that copies it; made once, then written to. */
function listing(place, key, title, text, t) {
  let figure = place.querySelector(`[data-listing=${key}]`);
  if (!figure) {
    figure = make('figure', { 'data-listing': key },
      make('figcaption', { id: `listing-${key}` }), make('button', { type: 'button', class: 'small', 'aria-describedby': `listing-${key}` }),
      make('span', { role: 'status', class: 'unseen' }), make('pre', { tabindex: '0', dir: 'ltr', 'aria-labelledby': `listing-${key}`, role: 'group' }, make('code')));
    place.append(figure);
  }
  const [caption, button, said, pre] = figure.children;
  setText(caption, title);
  setText(button, said.textContent || t('copy'));
  setText(pre.firstChild, text);
}

/** @param {HTMLElement} place @param {import('./types.d.ts').View} view @param {import('./types.d.ts').Translate} t */
export function showHand(place, { verification, ticket }, t) {
  const base = `${location.origin}/v1/verifications`;
  const json = "-H 'Content-Type: application/json'";
  const id = verification.id ?? 'ID';
  listing(place, 'ask', t('dev.ask'), `curl -i ${base} \\\n  ${json} \\\n  -d '{"email":"ada@example.com"}'`, t);
  listing(place, 'check', t('dev.check'), `curl -i ${base}/${id}/check \\\n  ${json} \\\n  -d '{"code":"123456"}'`, t);
  listing(place, 'read', t('dev.read'), `curl -i ${base}/${id} \\\n  -H 'Authorization: Bearer ${ticket ?? 'TICKET'}'`, t);
}

/** @param {HTMLElement} place @param {import('./types.d.ts').Translate} t */
export function showCode(place, t) {
  const { origin } = location;
  listing(place, 'embed', t('dev.embed'), `<script type="module" src="${origin}/js/otp-verify.js"></script>
<form method="post"><otp-verify name="proof" required></otp-verify>
<button>OK</button></form>`, t);
  listing(place, 'watch', t('dev.watch'), `import { createVerification } from '${origin}/js/client.js';

const otp = createVerification({
  endpoint: '${origin}',
  onChange: ({ verification }) => render(verification.phase, verification.token),
});
await otp.request('ada@example.com');
await otp.check('123456');`, t);
  listing(place, 'verify', t('dev.verify'), `import { createRemoteJWKSet, jwtVerify } from 'jose';

const keys = createRemoteJWKSet(new URL('${origin}/.well-known/jwks.json'));
const { payload } = await jwtVerify(proof, keys, { issuer, audience });
// payload.email was proved; accept each payload.jti once`, t);
}
