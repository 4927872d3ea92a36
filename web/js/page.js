/** The page: wires the elements to a {@link Flow} and shows what it tells. */

import { Api } from './api.js';
import { EventsClient } from './events-client.js';
import { Flow } from './flow.js';
import { CODE_LENGTH, countdown, normaliseCode, shortWait } from './format.js';
import { explain } from './problem.js';
import { Session } from './session.js';
import { isOver, takesCode } from './verification.js';
import { showLog, showProof, showSteps } from './view.js';
import { connectionText, statusText } from './words.js';

const element = (id) => document.getElementById(id);
const ui = Object.fromEntries([
  'title', 'lead', 'error', 'retry-in', 'email-form', 'email', 'send', 'code-form', 'code', 'check', 'expires', 'actions',
  'resend', 'resend-in', 'cancel', 'verified', 'verified-title', 'again', 'status', 'connection', 'connection-text',
  'copy', 'copied', 'token',
].map((id) => [id, element(id)]));

/** How often countdowns are looked at; a text is only written when it changed. */
const TICK_MS = 250;

const clock = {
  now: () => Date.now(),
  setTimeout: (run, delayMs) => setTimeout(run, delayMs),
  clearTimeout: (timer) => clearTimeout(timer),
};

const flow = new Flow({
  api: new Api(),
  session: new Session(openStorage()),
  openEvents: (subscription) => new EventsClient(subscription),
  clock,
  onChange: show,
});

/** What was shown last, to know what is new and where the focus has to go. */
let shown = { phase: 'idle', problem: null, busy: null };
let ticker = null;

function openStorage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

function show(view) {
  const { verification, connection, busy, problem } = view;
  const { phase } = verification;
  const isIdle = phase === 'idle';
  ui['email-form'].hidden = !isIdle;
  ui.lead.hidden = !isIdle;
  ui['code-form'].hidden = !takesCode(verification);
  ui.actions.hidden = isIdle || isOver(verification);
  ui.verified.hidden = phase !== 'verified';
  ui.again.hidden = !isOver(verification) && phase !== 'failed';
  setText(ui.status, statusText(verification) || 'Nothing sent yet.');
  setText(ui.title, isIdle ? 'Is this mailbox yours?' : headline(verification));
  ui.connection.dataset.state = connection.name;
  for (const [name, button] of [['request', ui.send], ['check', ui.check], ['resend', ui.resend], ['cancel', ui.cancel]]) {
    button.setAttribute('aria-busy', String(busy === name));
  }
  ui.code.readOnly = busy === 'check';
  showProblem(problem, verification);
  showLog(verification);
  showProof(verification);
  tick();
  moveFocus(view);
  shown = { phase, problem, busy };
  if (ticker === null) ticker = setInterval(tick, TICK_MS);
}

function headline({ phase, email }) {
  switch (phase) {
    case 'verified': return 'This mailbox is yours';
    case 'failed': return 'The mail did not get through';
    case 'expired': return 'The code has expired';
    case 'locked': return 'Too many wrong codes';
    case 'canceled': return 'Canceled';
    case 'superseded': return 'Replaced by a newer request';
    default: return email ? `A code for ${email}` : 'A code is on its way';
  }
}

function showProblem(problem, verification) {
  // A verdict that the headline gives already needs no second telling.
  const isTold = problem && isOver(verification) && problem.problem.slug !== 'already-used';
  const text = problem && !isTold ? explain(problem.problem) : '';
  if (problem !== shown.problem || text === '') setText(ui.error, text);
  ui.error.hidden = text === '';
  setInvalid(ui.email, problem?.what === 'request' && problem.problem.status === 422);
  setInvalid(ui.code, problem?.what === 'check' && problem.problem.slug === 'incorrect-code');
}

function setInvalid(input, isInvalid) {
  if (isInvalid) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}

function moveFocus({ verification, problem, busy }) {
  const { phase } = verification;
  const isNewProblem = problem && problem !== shown.problem;
  if (isNewProblem && problem.problem.slug === 'incorrect-code' && !ui['code-form'].hidden) {
    ui.code.focus();
    ui.code.select();
  } else if (isNewProblem && !ui.error.hidden) {
    ui.error.focus();
  } else if (phase !== shown.phase) {
    if (shown.phase === 'idle') ui.code.focus();
    else if (phase === 'idle') ui.email.focus();
    else if (phase === 'verified') ui['verified-title'].focus();
    else if (isOver(verification)) ui.title.focus();
  } else if (shown.busy === 'check' && busy === null && document.activeElement === document.body) {
    ui.code.focus();
  }
}

/** Everything that changes with the time alone. */
function tick() {
  const { verification, connection, problem, busy, waits } = flow.view;
  const now = clock.now();
  const serverNow = flow.serverNow;
  const { expiresAtMs, resendAtMs, attemptsLeft } = verification;
  setText(ui['connection-text'], connectionText(connection, now));
  showSteps(verification, serverNow);
  const waitOf = (what) => Math.max(0, (waits[what] ?? 0) - now);
  const resendWaitMs = Math.max(waitOf('resend'), (resendAtMs ?? 0) - serverNow);
  const left = attemptsLeft === null ? '' : ` · ${attemptsLeft} ${attemptsLeft === 1 ? 'try' : 'tries'} left`;
  setText(ui.expires, expiresAtMs === null ? '' : `Valid for ${countdown(expiresAtMs - serverNow)}${left}`);
  setText(ui['resend-in'], resendWaitMs > 0 ? `in ${countdown(resendWaitMs)}` : '');
  ui.resend.disabled = resendWaitMs > 0;
  ui.send.disabled = waitOf('request') > 0;
  ui.check.disabled = waitOf('check') > 0;
  const waitMs = problem ? waitOf(problem.what) : 0;
  setText(ui['retry-in'], waitMs > 0 ? `You can try again in ${shortWait(waitMs)}.` : '');
  ui['retry-in'].hidden = waitMs <= 0;
  if (verification.phase === 'idle' && waitMs <= 0 && busy === null) {
    clearInterval(ticker);
    ticker = null;
  }
}

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function takeCode() {
  const typed = ui.code.value;
  const code = normaliseCode(typed);
  if (code !== typed) ui.code.value = code;
  return code;
}

function checkCode() {
  const code = takeCode();
  if (code.length >= CODE_LENGTH.min) flow.check(code);
  else ui.code.focus();
}

ui['email-form'].addEventListener('submit', (event) => {
  event.preventDefault();
  const email = ui.email.value.trim();
  if (email === '') ui.email.focus();
  else flow.request(email);
});
ui['code-form'].addEventListener('submit', (event) => {
  event.preventDefault();
  checkCode();
});
ui.code.addEventListener('input', () => {
  const length = flow.view.codeLength ?? CODE_LENGTH.usual;
  if (takeCode().length === length) checkCode();
});
ui.resend.addEventListener('click', () => flow.resend());
ui.cancel.addEventListener('click', () => flow.cancel());
ui.again.addEventListener('click', () => {
  ui.code.value = '';
  flow.again();
});
ui.copy.addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(ui.token.textContent);
    setText(ui.copied, 'Copied');
  } catch {
    // No clipboard without TLS: the proof is selected, ready for the keyboard.
    getSelection()?.selectAllChildren(ui.token);
    setText(ui.copied, 'Selected: copy it with your keyboard');
  }
});
addEventListener('online', () => flow.networkChanged());
addEventListener('offline', () => flow.networkChanged());
document.addEventListener('visibilitychange', () => flow.visibilityChanged(document.hidden));

flow.resume();
