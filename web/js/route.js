/** The way of a code as six stops with the time that each hop took. Pure. */

/** @type {readonly import('./types.d.ts').Station[]} */
export const STATIONS = ['you', 'gateway', 'jetstream', 'mailer', 'relay', 'mailbox'];

/** How many stops lie behind, by phase; the next one is where it is now. */
const BEHIND = { idle: 0, queued: 3, sending: 4, deferred: 4, failed: 4, sent: 5, verified: 6 };
/** What the stop ahead is, where it is not simply the present one. */
const AHEAD = { idle: 'todo', deferred: 'deferred', failed: 'failed' };

/**
 * @param {import('./types.d.ts').Verification} verification
 * @param {import('./types.d.ts').Measured} measured
 * @param {boolean} isAsking whether the request is under way
 * @returns {import('./types.d.ts').Stop[]}
 */
export function route(verification, measured, isAsking = false) {
  const { phase, reached, times } = verification;
  const isEnded = !Object.hasOwn(BEHIND, phase);
  const behind = isAsking ? 1 : BEHIND[isEnded ? reached : phase];
  const ahead = isAsking ? 'active' : (AHEAD[phase] ?? (isEnded ? 'failed' : 'active'));
  const at = { gateway: times.queued, mailer: times.sending, relay: times.sent, mailbox: times.verified };
  const hop = {
    gateway: measured.answerMs, mailer: waitInQueueMs(verification),
    relay: verification.elapsedMs, mailbox: between(times.sent, times.verified),
  };
  return STATIONS.map((station, n) => ({
    station,
    state: n < behind ? 'done' : (n === behind ? ahead : 'todo'),
    at: n < behind ? (at[station] ?? null) : null,
    hopMs: n < behind ? (hop[station] ?? null) : null,
  }));
}

/** From the request up to a mailer's first look at it. Later mails have no event that says when they were asked for. */
function waitInQueueMs({ timeline, times }) {
  const events = timeline.filter(({ kind }) => kind === 'event');
  const first = events.findIndex(({ event }) => event === 'processing');
  const last = events.findLastIndex(({ event }) => event === 'processing');
  const isLaterMail = events.slice(0, Math.max(last, 0)).some(({ event }) => event === 'sent' || event === 'failed');
  return first < 0 || isLaterMail ? null : between(times.queued, events[first].at);
}

/** Clocks of two machines may differ by more than the way took: less than nothing is not shown. */
function between(from, to) {
  const ms = Date.parse(to ?? '') - Date.parse(from ?? '');
  return ms >= 0 ? ms : null;
}
