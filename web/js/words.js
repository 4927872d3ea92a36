/** What the page says about a verification and its connection. Pure. */

import { duration, shortWait } from './format.js';
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

export const KNOWN_REASONS = Object.freeze(Object.keys(REASONS));

/**
 * One sentence for people who cannot see the stepper; changes only when something happened.
 * @param {import('./verification.js').Verification} state
 */
export function statusText(state) {
  const to = state.email ? ` for ${state.email}` : '';
  switch (state.phase) {
    case 'idle': return '';
    case 'queued': return `The message${to} is queued.`;
    case 'sending': return `The message${to} is being handed to the mail server.`;
    case 'deferred': return `Not sent yet: ${reasonText(state.reason)}. We keep trying.`;
    case 'sent': return `Sent. The mail server has taken the message${to}. ${wrongCodeText(state)}`.trim();
    case 'failed': return `Not delivered: ${reasonText(state.reason)}.`;
    case 'verified': return 'Verified. This mailbox can be read by you.';
    case 'expired': return 'The code has expired.';
    case 'locked': return 'Locked: too many wrong codes.';
    case 'canceled': return 'Canceled. The code no longer works.';
    case 'superseded': return 'A newer request for this address has taken the place of this one.';
  }
}

function wrongCodeText({ wrongCode, attemptsLeft }) {
  return wrongCode ? `The last code was wrong. ${guessesLeft(attemptsLeft)}` : '';
}

/**
 * The small print under each step; may tick.
 * @param {import('./verification.js').Verification} state
 * @param {number} nowMs the service's time
 */
export function stepNotes(state, nowMs) {
  return { queued: '', sending: sendingNote(state, nowMs), sent: sentNote(state), verified: verifiedNote(state) };
}

function sendingNote({ phase, attempt, reason, reply, nextAttemptAtMs }, nowMs) {
  if (phase === 'deferred') {
    if (nextAttemptAtMs === null) return `${upper(reasonText(reason))}; we try again`;
    const waitMs = nextAttemptAtMs - nowMs;
    return `${upper(reasonText(reason))}; next try ${waitMs > 0 ? `in ${shortWait(waitMs)}` : 'now'}`;
  }
  if (phase === 'failed') return upper(reasonText(reason)) + (reply ? `: ${reply}` : '');
  return attempt !== null && attempt > 1 ? `Try ${attempt}` : '';
}

function sentNote({ reached, reply, elapsedMs }) {
  if (reached !== 'sent') return '';
  return [reply, elapsedMs === null ? null : `in ${duration(elapsedMs)}`].filter(Boolean).join(' · ');
}

function verifiedNote(state) {
  switch (state.phase) {
    case 'sent': return state.wrongCode ? wrongCodeText(state) : 'Waiting for the code';
    case 'expired': case 'locked': case 'canceled': case 'superseded': return statusText(state);
    default: return '';
  }
}

/**
 * @param {{name: string, retryAt?: number, reason?: string}} connection
 * @param {number} localNowMs the clock that `retryAt` is on
 */
export function connectionText({ name, retryAt, reason }, localNowMs) {
  switch (name) {
    case 'connecting': return 'Connecting';
    case 'live': return 'Live';
    case 'reconnecting': return `Reconnecting in ${shortWait((retryAt ?? localNowMs) - localNowMs)}`;
    case 'offline': return 'Offline';
    case 'polling': return 'No live connection; asking now and then';
    case 'done': return 'Complete';
    case 'closed': return reason === 'stopped' ? 'Closed' : 'Closed by the service';
    default: return 'Not connected';
  }
}

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);
