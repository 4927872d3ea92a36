/** What the page says about a verification and its connection. Pure. */

import { countdown } from './format.js';
import { guessesLeft } from './problem.js';

/** The mailer's reasons, as the contract names them. */
const REASONS = {
  unreachable: 'the mail server cannot be reached',
  'timed-out': 'the mail server did not answer in time',
  'connection-lost': 'the connection to the mail server was lost',
  'tls-failed': 'no encrypted connection to the mail server could be made',
  'authentication-failed': 'the mail server did not accept our credentials',
  busy: 'the mail server asks us to wait',
  refused: 'the mail server refuses this address',
  'no-time-left': 'too little of the code\u2019s life is left for another try',
  'retries-exhausted': 'the mail server could not take it, however often we tried',
  unreadable: 'the request could not be read',
};

/** @param {string|null} reason a name of the contract, or one that this version does not know, shown as it is */
export function reasonText(reason) {
  if (reason === null) return 'no reason was given';
  return Object.hasOwn(REASONS, reason) ? REASONS[reason] : reason;
}

export const KNOWN_REASONS = Object.keys(REASONS);

/** @param {import('./types.d.ts').Verification} state */
export function headline({ phase, email }) {
  switch (phase) {
    case 'idle': return 'Is this mailbox yours?';
    case 'verified': return 'This mailbox is yours';
    case 'failed': return 'The mail did not get through';
    case 'expired': return 'The code has expired';
    case 'locked': return 'Too many wrong codes';
    case 'canceled': return 'Canceled';
    case 'superseded': return 'Replaced by a newer request';
    default: return `A code for ${email ?? 'you'}`;
  }
}

/**
 * One sentence for people who cannot see the stepper; changes only when something happened.
 * @param {import('./types.d.ts').Verification} state
 */
export function statusText(state) {
  const to = state.email ? ` for ${state.email}` : '';
  switch (state.phase) {
    case 'idle': return 'Nothing sent yet.';
    case 'queued': return `The message${to} is queued.`;
    case 'sending': return `The message${to} goes to the mail server.`;
    case 'deferred': return `Not sent yet: ${reasonText(state.reason)}. We keep trying.`;
    case 'sent': return `Sent. The mail server has taken the message${to}.`;
    case 'failed': return `Not delivered: ${reasonText(state.reason)}.`;
    case 'verified': return 'Verified. This mailbox can be read by you.';
    default: return `${headline(state)}.`;
  }
}

/**
 * The small print under each step; may tick.
 * @param {import('./types.d.ts').Verification} state
 * @param {number} nowMs the service's time
 */
export function stepNotes(state, nowMs) {
  return { queued: '', sending: sendingNote(state, nowMs), sent: sentNote(state), verified: verifiedNote(state) };
}

function sendingNote({ phase, attempt, reason, reply, nextAttemptAtMs }, nowMs) {
  if (phase === 'deferred') {
    const waitMs = (nextAttemptAtMs ?? 0) - nowMs;
    return `${upper(reasonText(reason))}; next try ${waitMs > 0 ? `in ${countdown(waitMs)}` : 'soon'}`;
  }
  if (phase === 'failed') return upper(reasonText(reason)) + (reply ? `: ${reply}` : '');
  return attempt !== null && attempt > 1 ? `Try ${attempt}` : '';
}

function sentNote({ reached, reply, elapsedMs }) {
  if (reached !== 'sent') return '';
  return [reply, elapsedMs === null ? null : `in ${elapsedMs} ms`].filter(Boolean).join(' · ');
}

function verifiedNote({ phase, wrongCode, attemptsLeft }) {
  if (phase !== 'sent') return '';
  return wrongCode ? `Wrong code. ${guessesLeft(attemptsLeft)}` : 'Waiting for the code';
}

/** @param {import('./types.d.ts').View['connection']} connection @param {number} nowMs our own time */
export function connectionText({ name, retryAt, reason }, nowMs) {
  switch (name) {
    case 'connecting': return 'Connecting';
    case 'live': return 'Live';
    case 'reconnecting': return `Reconnecting in ${countdown((retryAt ?? nowMs) - nowMs)}`;
    case 'offline': return 'Offline';
    case 'polling': return 'Asking now and then';
    case 'done': return 'Complete';
    case 'closed': return reason === 'stopped' ? 'Closed' : 'Closed by the service';
    default: return 'Not connected';
  }
}

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);
