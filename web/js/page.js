/** The page: wires the elements to a {@link Flow} and shows what it tells. */

import { Api } from './api.js';
import { BROWSER, EventsClient } from './events-client.js';
import { Flow } from './flow.js';
import { CODE_LENGTH, countdown, normaliseCode } from './format.js';
import { explain, guessesLeft } from './problem.js';
import { Session } from './session.js';
import { isOver, takesCode } from './verification.js';
import { element, setText, showLog, showProof, showSteps } from './view.js';
import { connectionText, headline, statusText } from './words.js';

/** How often countdowns are looked at. */
const TICK_MS = 250;

const [title, error, email, code, codeForm, send, check, resend, cancel, again, copy] = [
  'title', 'error', 'email', 'code', 'code-form', 'send', 'check', 'resend', 'cancel', 'again', 'copy',
].map(element);
const buttons = { request: send, check, resend, cancel };

const flow = new Flow({
  api: new Api(),
  session: new Session(() => sessionStorage),
  openEvents: (subscription) => new EventsClient(subscription),
  clock: BROWSER,
  onChange: show,
});

/** What was shown last: what is new, and where the focus has to go. */
let shown = { phase: 'idle', problem: null, takes: false };

function show({ verification, connection, busy, problem }) {
  const { phase } = verification;
  const isIdle = phase === 'idle';
  const takes = takesCode(verification);
  element('email-form').hidden = !isIdle;
  element('lead').hidden = !isIdle;
  codeForm.hidden = !takes;
  element('actions').hidden = isIdle || isOver(verification);
  element('verified').hidden = phase !== 'verified';
  again.hidden = !isOver(verification) && phase !== 'failed';
  setText(title, headline(verification));
  setText(element('status'), statusText(verification));
  element('connection').dataset.state = connection.name;
  for (const [what, button] of Object.entries(buttons)) button.ariaBusy = String(busy === what);
  code.readOnly = busy === 'check';
  showProblem(problem, verification);
  showLog(verification);
  showProof(verification);
  tick();
  moveFocus(phase, problem, takes);
  shown = { phase, problem, takes };
}

function showProblem(problem, verification) {
  // A verdict that the headline gives already needs no second telling.
  const text = problem && !isOver(verification) ? explain(problem.problem) : '';
  setText(error, text);
  error.hidden = text === '';
  const { what, problem: { slug, status } = {} } = problem ?? {};
  email.ariaInvalid = String(what === 'request' && status === 422);
  code.ariaInvalid = String(slug === 'incorrect-code');
}

function moveFocus(phase, problem, takes) {
  if (problem && problem !== shown.problem && !error.hidden) {
    if (problem.problem.slug !== 'incorrect-code') error.focus();
    else if (takes) {
      code.focus();
      code.select();
    }
  } else if (takes !== shown.takes || phase !== shown.phase) {
    if (takes && !shown.takes) code.focus();
    else if (phase === 'idle') email.focus();
    else if (!takes) title.focus();
  }
}

/** Everything that changes with the time alone. */
function tick() {
  const { verification, connection, problem, waits } = flow.view;
  const { serverNow } = flow;
  const { expiresAtMs, resendAtMs, attemptsLeft } = verification;
  const waitOf = (what) => Math.max(0, (waits[what] ?? 0) - Date.now());
  const resendMs = Math.max(waitOf('resend'), (resendAtMs ?? 0) - serverNow);
  const waitMs = problem ? waitOf(problem.what) : 0;
  setText(element('connection-text'), connectionText(connection, Date.now()));
  showSteps(verification, serverNow);
  setText(element('expires'), `Valid for ${countdown((expiresAtMs ?? 0) - serverNow)}. ${guessesLeft(attemptsLeft)}`);
  setText(element('resend-in'), resendMs > 0 ? `in ${countdown(resendMs)}` : '');
  setText(element('retry-in'), waitMs > 0 ? `You can try again in ${countdown(waitMs)}.` : '');
  resend.disabled = resendMs > 0;
  send.disabled = waitOf('request') > 0;
  check.disabled = waitOf('check') > 0;
}

/** Leaves nothing but digits in the field, and the caret alone while there is nothing else. */
function takeCode() {
  const digits = normaliseCode(code.value);
  if (digits !== code.value) code.value = digits;
  return digits;
}

element('email-form').addEventListener('submit', (event) => {
  event.preventDefault();
  flow.request(email.value.trim());
});
codeForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const digits = takeCode();
  if (digits.length >= CODE_LENGTH.min) flow.check(digits);
  else code.focus();
});
code.addEventListener('input', () => {
  if (takeCode().length === (flow.view.codeLength ?? CODE_LENGTH.usual)) flow.check(code.value);
});
resend.addEventListener('click', () => flow.resend());
cancel.addEventListener('click', () => flow.cancel());
again.addEventListener('click', () => {
  code.value = '';
  setText(element('copied'), '');
  flow.again();
});
copy.addEventListener('click', async () => {
  const token = element('token');
  try {
    await navigator.clipboard.writeText(token.textContent);
    setText(element('copied'), 'Copied');
  } catch {
    // No clipboard without TLS: the proof is selected, ready for the keyboard.
    getSelection()?.selectAllChildren(token);
    setText(element('copied'), 'Selected: copy it with your keyboard');
  }
});
for (const name of ['online', 'offline']) addEventListener(name, () => flow.networkChanged());
document.addEventListener('visibilitychange', () => flow.visibilityChanged(document.hidden));
setInterval(tick, TICK_MS);

flow.resume();
