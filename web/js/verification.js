/**
 * What is known about one verification: a pure reducer from events and answers to state. No DOM, no I/O, no clock.
 * Events count in the order of their sequence numbers; clocks of different machines are never compared.
 */

export const STEPS = ['queued', 'sending', 'sent', 'verified'];

/** A verification makes some twenty events; the bound is for a service gone wild. */
const MAX_ENTRIES = 200;

/** @type {Readonly<import('./types.d.ts').Verification>} */
export const INITIAL = Object.freeze({
  phase: 'idle', reached: 'queued', everSent: false, id: null, email: null, expiresAtMs: null, resendAtMs: null,
  attemptsLeft: null, wrongCode: false, attempt: null, nextAttemptAtMs: null, reason: null, reply: null,
  elapsedMs: null, times: {}, token: null, guessed: false, timeline: [], entries: 0, lastSeq: null, unknown: 0,
});

/** @type {(state: typeof INITIAL, action: import('./types.d.ts').Action) => typeof INITIAL} */
export const reduce = (state, action) => {
  switch (action.type) {
    case 'accepted':
      return { ...learn(INITIAL, action.answer), phase: 'queued' };
    case 'resent':
      return isOver(state) ? state : learn(newMail(state), action.answer);
    case 'event':
      return applyEvent(state, action.event);
    case 'status':
      return applyStatus(state, action.answer);
    case 'checked':
      return { ...end(state, 'verified', text(action.answer.verified_at)), token: text(action.answer.token) };
    case 'refused':
      return applyRefusal(state, action);
    case 'canceled':
      return isOver(state) ? state : end(state, 'canceled');
    case 'time-over':
      return isOver(state) || state.phase === 'idle' ? state : { ...end(state, 'expired'), guessed: true };
    case 'note':
      return log(state, { kind: 'note', seq: null, event: action.name, at: action.at, data: action.data ?? {} });
    case 'forgotten':
      return INITIAL;
  }
};

/** Whether nothing more can come of it. `failed` is not over: a resend starts another mail with the same code. */
export function isOver({ phase }) {
  return ['verified', 'expired', 'locked', 'canceled', 'superseded'].includes(phase);
}

/** Whether a code may be typed: from the start, since a mail may be faster than its event. */
export function takesCode(state) {
  return state.phase !== 'idle' && !isOver(state) && (state.phase !== 'failed' || state.everSent);
}

/** The states of the four steps; those that end a verification stop it where it was. */
const ROWS = {
  idle: ['todo', 'todo', 'todo', 'todo'],
  queued: ['active', 'todo', 'todo', 'todo'],
  sending: ['done', 'active', 'todo', 'todo'],
  deferred: ['done', 'deferred', 'todo', 'todo'],
  failed: ['done', 'failed', 'todo', 'todo'],
  sent: ['done', 'done', 'done', 'active'],
  verified: ['done', 'done', 'done', 'done'],
};

/** @returns {Record<import('./types.d.ts').Step, import('./types.d.ts').StepState>} */
export function stepStates({ phase, reached }) {
  const row = ROWS[phase] ?? ROWS[reached].map((state) => (state === 'active' ? 'failed' : state));
  return /** @type {Record<import('./types.d.ts').Step, import('./types.d.ts').StepState>} */ (Object.fromEntries(STEPS.map((step, n) => [step, row[n]])));
}

/** What each event means for a verification that is not over. `data` may lack any member. */
const MEANING = {
  // A resend is known from its answer; this only begins what we did not begin here.
  requested: (state, data) => learn(state.phase === 'idle' ? { ...state, phase: 'queued' } : state, data),
  processing: (state, data) => ({ ...mailMoved(state, 'sending'), attempt: count(data.attempt) }),
  deferred: (state, data) => ({
    ...mailMoved(state, 'deferred', 'sending', data),
    attempt: count(data.attempt),
    nextAttemptAtMs: instant(data.next_attempt_at),
  }),
  sent: (state, data) => ({
    ...mailMoved(state, 'sent', 'sent', data),
    everSent: true,
    email: state.email ?? text(data.to),
    elapsedMs: count(data.elapsed_ms),
  }),
  failed: (state, data) => mailMoved(state, 'failed', 'sending', data),
  rejected: (state, data) => wrongCode(state, count(data.attempts_left)),
  locked: (state) => ({ ...end(state, 'locked'), attemptsLeft: 0 }),
  verified: (state, _data, at) => end(state, 'verified', at),
  expired: (state) => end(state, 'expired'),
  canceled: (state) => end(state, 'canceled'),
  superseded: (state) => end(state, 'superseded'),
};

export const KNOWN_EVENTS = Object.keys(MEANING);

const STEP_OF_EVENT = { requested: 'queued', processing: 'sending', sent: 'sent' };

/** @param {{event: string, at?: string, seq?: number, data?: object}} told */
function applyEvent(state, told) {
  const { event, at = null, seq = null, data } = told;
  if (isKnown(state, event, at, seq)) return state;
  const next = log(state, { kind: 'event', seq, event, at, data: data ?? {} });
  if (!Object.hasOwn(MEANING, event)) return { ...next, unknown: next.unknown + 1 };
  // A right answer outranks what others found first; everything else is over when it is over.
  if (isOver(state) && !state.guessed && event !== 'verified') return next;
  const after = MEANING[event](next, data ?? {}, at);
  const step = STEP_OF_EVENT[event];
  return step && at ? { ...after, times: { ...after.times, [step]: at } } : after;
}

/** Events come twice when a status answer and the connection both tell them. */
function isKnown({ timeline, lastSeq }, event, at, seq) {
  if (seq !== null && lastSeq !== null && seq <= lastSeq) return true;
  return timeline.some((entry) => entry.kind === 'event' && entry.event === event && entry.at === at
    && (seq === null || entry.seq === null));
}

function applyStatus(state, answer) {
  let next = learn(state, answer);
  for (const event of answer.timeline ?? []) next = applyEvent(next, event);
  // The gateway knows a decision before its event is in the timeline.
  const isNews = isOver({ phase: answer.status }) && (!isOver(next) || next.guessed);
  return isNews ? end(next, answer.status) : next;
}

/** Some problems with a code say what became of the verification. */
function applyRefusal(state, { slug, attemptsLeft }) {
  if (isOver(state)) return state;
  if (slug === 'incorrect-code') return wrongCode(state, attemptsLeft);
  if (slug === 'attempts-exhausted') return end(state, 'locked');
  return ['expired', 'canceled', 'superseded'].includes(slug) ? end(state, slug) : state;
}

/** Guesses never grow back, so an answer and its event may come in either order. */
function wrongCode(state, left) {
  const known = state.attemptsLeft;
  return { ...state, wrongCode: true, attemptsLeft: known === null ? left : Math.min(known, left ?? known) };
}

/** Takes over what an answer or event says of the verification's bounds. */
function learn(state, answer) {
  return {
    ...state,
    id: text(answer.id) ?? state.id,
    email: text(answer.email) ?? state.email,
    expiresAtMs: instant(answer.expires_at) ?? state.expiresAtMs,
    resendAtMs: instant(answer.resend_at) ?? state.resendAtMs,
    attemptsLeft: count(answer.attempts_left) ?? state.attemptsLeft,
  };
}

function newMail(state) {
  const { queued } = state.times;
  return { ...mailMoved(state, 'queued'), attempt: null, elapsedMs: null, times: queued ? { queued } : {} };
}

function mailMoved(state, phase, reached = phase, data = {}) {
  return { ...state, phase, reached, nextAttemptAtMs: null, reason: text(data.reason), reply: text(data.reply) };
}

function end(state, phase, at = null) {
  const times = phase === 'verified' && at ? { ...state.times, verified: at } : state.times;
  return { ...state, phase, times, wrongCode: false, nextAttemptAtMs: null, guessed: false };
}

function log(state, entry) {
  const timeline = [...state.timeline, { n: state.entries, ...entry }].slice(-MAX_ENTRIES);
  return { ...state, timeline, entries: state.entries + 1, lastSeq: entry.seq ?? state.lastSeq };
}

const text = (value) => (typeof value === 'string' && value !== '' ? value : null);
const count = (value) => (Number.isSafeInteger(value) && value >= 0 ? value : null);

function instant(value) {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
