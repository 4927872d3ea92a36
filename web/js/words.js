/** What is said about a verification and its connection. Pure: the language comes as a {@link Translate}. */

import { countdown } from './format.js';
import { EN } from './messages/en.js';
import { english } from './messages.js';
import { guessesLeft } from './problem.js';

/** @typedef {import('./types.d.ts').Translate} Translate */

const REASON = 'reason.';

export const KNOWN_REASONS = Object.keys(EN)
  .filter((key) => key.startsWith(REASON) && key !== 'reason.none')
  .map((key) => key.slice(REASON.length));

/**
 * @param {string|null} reason a name of the contract, or one that this version does not know, shown as it is
 * @param {Translate} [t]
 */
export function reasonText(reason, t = english) {
  if (reason === null) return t('reason.none');
  return KNOWN_REASONS.includes(reason) ? t(REASON + reason) : reason;
}

/** Phases that have a headline and a status of their own; all others are under way. */
const NAMED = new Set(['idle', 'verified', 'failed', 'expired', 'locked', 'canceled', 'superseded']);

/** @param {import('./types.d.ts').Verification} state @param {Translate} [t] */
export function headline({ phase, email }, t = english) {
  return NAMED.has(phase) ? t(`title.${phase}`) : t('title.open', { email: email ?? t('someone') });
}

/**
 * One sentence for people who cannot see the steps; changes only when something happened.
 * @param {import('./types.d.ts').Verification} state
 * @param {Translate} [t]
 */
export function statusText({ phase, email, reason }, t = english) {
  const advice = t(reason === 'refused' ? 'advice.address' : 'advice.again');
  return t(`status.${phase}`, { email: email ?? t('someone'), reason: reasonText(reason, t), advice });
}

/**
 * The small print under each step; may tick.
 * @param {import('./types.d.ts').Verification} state
 * @param {number} nowMs the service's time
 * @param {Translate} [t]
 */
export function stepNotes(state, nowMs, t = english) {
  return { queued: '', sending: sendingNote(state, nowMs, t), sent: sentNote(state, t), verified: verifiedNote(state, t) };
}

function sendingNote({ phase, attempt, reason, reply, nextAttemptAtMs }, nowMs, t) {
  if (phase === 'deferred') {
    const waitMs = (nextAttemptAtMs ?? 0) - nowMs;
    const values = { reason: upper(reasonText(reason, t)), left: countdown(waitMs) };
    return t(waitMs > 0 ? 'note.next' : 'note.soon', values);
  }
  if (phase === 'failed') return upper(reasonText(reason, t)) + (reply ? `: ${reply}` : '');
  return attempt !== null && attempt > 1 ? t('note.try', { count: attempt }) : '';
}

/** When the next try is, where the reason was told already. */
export function nextTry({ phase, nextAttemptAtMs }, nowMs, t = english) {
  if (phase !== 'deferred') return '';
  const waitMs = (nextAttemptAtMs ?? 0) - nowMs;
  return t(waitMs > 0 ? 'next.in' : 'next.soon', { left: countdown(waitMs) });
}

function sentNote({ reached, reply, elapsedMs }, t) {
  if (reached !== 'sent') return '';
  return [reply, elapsedMs === null ? null : t('note.in', { count: elapsedMs })].filter(Boolean).join(' · ');
}

function verifiedNote({ phase, wrongCode, attemptsLeft }, t) {
  if (phase !== 'sent') return '';
  return wrongCode ? t('note.wrong', { guesses: guessesLeft(attemptsLeft, t) }) : t('note.waiting');
}

/**
 * @param {import('./types.d.ts').View['connection']} connection
 * @param {number} nowMs our own time
 * @param {Translate} [t]
 */
export function connectionText({ name, retryAt, reason }, nowMs, t = english) {
  if (name === 'closed' && reason === 'stopped') return t('connection.stopped');
  return t(`connection.${name}`, { left: countdown((retryAt ?? nowMs) - nowMs) });
}

/** Connections that a person should hear of: the others go without saying. */
export function isTroubled({ name, failures, reason }) {
  if (name === 'closed') return reason !== 'stopped';
  return ['reconnecting', 'offline', 'polling'].includes(name) || (name === 'connecting' && failures > 0);
}

const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);
