import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { TERMINAL_EVENTS } from '../js/events-client.js';
import { INITIAL, isOver, KNOWN_EVENTS, reduce, stepStates, takesCode } from '../js/verification.js';
import { connectionText, headline, KNOWN_REASONS, reasonText, statusText, stepNotes } from '../js/words.js';

const AT = '2026-01-02T03:04:05.000Z';
const ANSWER = {
  id: 'v1', status: 'queued', email: 'a***e@example.com', expires_at: '2026-01-02T03:09:05.000Z',
  resend_at: '2026-01-02T03:05:05.000Z', attempts_left: 5, events: { url: 'ws://x', ticket: 't' },
};
/** Frozen all the way down: a reducer that changed its argument would throw. */
function frozen(value) {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}
const run = (...actions) => actions.reduce((state, action) => frozen(reduce(state, action)), frozen(INITIAL));
const accepted = { type: 'accepted', answer: ANSWER };
let seq = 0;
const event = (name, data = {}) => ({ type: 'event', event: { event: name, seq: (seq += 3), at: AT, data } });
const steps = (state) => Object.values(stepStates(state)).join(' ');

/** What the contract freezes: the same file that the Rust tests read. */
const golden = JSON.parse(readFileSync(new URL('../../nats/golden/events.json', import.meta.url), 'utf8')).events;

const PHASE_AFTER = {
  requested: 'queued', processing: 'sending', sent: 'sent', deferred: 'deferred', failed: 'failed', rejected: 'queued',
  locked: 'locked', verified: 'verified', expired: 'expired', canceled: 'canceled', superseded: 'superseded',
};

test('every golden event is understood', () => {
  assert.ok(golden.length > 0);
  for (const payload of golden) {
    const state = run(accepted, { type: 'event', event: { ...payload, seq: 7 } });
    const { data } = payload;
    assert.equal(state.unknown, 0, payload.event);
    assert.equal(state.phase, PHASE_AFTER[payload.event], payload.event);
    assert.equal(isOver(state) || state.phase === 'failed', TERMINAL_EVENTS.has(payload.event), payload.event);
    assert.deepEqual(state.timeline, [{ n: 0, kind: 'event', seq: 7, event: payload.event, at: payload.at, data }]);
    if (data.expires_at) assert.equal(state.expiresAtMs, Date.parse(data.expires_at));
    if (data.next_attempt_at) assert.equal(state.nextAttemptAtMs, Date.parse(data.next_attempt_at));
    if ('attempts_left' in data) assert.equal(state.attemptsLeft, data.attempts_left);
    if ('attempt' in data) assert.equal(state.attempt, data.attempt);
    if ('elapsed_ms' in data) assert.equal(state.elapsedMs, data.elapsed_ms);
    if ('reply' in data) assert.equal(state.reply, data.reply);
    if ('reason' in data) {
      assert.equal(state.reason, data.reason);
      assert.ok(KNOWN_REASONS.includes(data.reason), `no words for ${data.reason}`);
    }
  }
});

test('the golden events and the known events are the same', () => {
  assert.deepEqual([...new Set(golden.map((payload) => payload.event))].sort(), [...KNOWN_EVENTS].sort());
});

test('every event may come with no data at all', () => {
  for (const name of KNOWN_EVENTS) {
    for (const data of [{}, undefined, null]) {
      const state = run(accepted, event(name, data));
      assert.equal(state.phase, PHASE_AFTER[name], name);
      assert.equal(typeof statusText(state), 'string');
      assert.equal(typeof stepNotes(state, 0).sending, 'string');
    }
  }
});

test('the steps follow the mail', () => {
  const walk = [
    [accepted, 'active todo todo todo'],
    [event('requested'), 'active todo todo todo'],
    [event('processing', { attempt: 1 }), 'done active todo todo'],
    [event('deferred', { reason: 'busy' }), 'done deferred todo todo'],
    [event('processing', { attempt: 2 }), 'done active todo todo'],
    [event('sent'), 'done done done active'],
    [event('verified'), 'done done done done'],
  ];
  assert.equal(steps(INITIAL), 'todo todo todo todo');
  for (let n = 1; n <= walk.length; n += 1) {
    assert.equal(steps(run(...walk.slice(0, n).map(([action]) => action))), walk[n - 1][1]);
  }
});

test('a wrong code never shows the last step as done', () => {
  const wrong = { type: 'refused', slug: 'incorrect-code', attemptsLeft: 4 };
  const sent = event('sent');
  const rejected = event('rejected', { attempts_left: 4 });
  for (const actions of [[wrong], [rejected], [wrong, rejected], [rejected, wrong]]) {
    const state = run(accepted, sent, ...actions);
    assert.equal(steps(state), 'done done done active');
    assert.deepEqual([state.attemptsLeft, state.wrongCode], [4, true]);
    assert.match(stepNotes(state, 0).verified, /4 tries left/);
  }
  assert.equal(steps(run(accepted, wrong)), 'active todo todo todo');
  assert.equal(steps(run(accepted, event('sent'), event('locked'))), 'done done done failed');
  assert.equal(steps(run(accepted, event('sent'), { type: 'refused', slug: 'attempts-exhausted', attemptsLeft: null })), 'done done done failed');
});

test('guesses never grow back, whichever of answer and event comes first', () => {
  const state = run(accepted, { type: 'refused', slug: 'incorrect-code', attemptsLeft: 3 }, event('rejected', { attempts_left: 4 }));
  assert.equal(state.attemptsLeft, 3);
});

test('an end stops the steps where they were', () => {
  assert.equal(steps(run(accepted, event('expired'))), 'failed todo todo todo');
  assert.equal(steps(run(accepted, event('processing'), event('canceled'))), 'done failed todo todo');
  assert.equal(steps(run(accepted, event('deferred'), event('superseded'))), 'done failed todo todo');
  assert.equal(steps(run(accepted, event('sent'), event('expired'))), 'done done done failed');
});

test('verified outranks every other end, and nothing follows it', () => {
  for (const name of ['expired', 'locked', 'canceled', 'superseded']) {
    assert.equal(run(accepted, event(name), event('verified')).phase, 'verified');
    assert.equal(run(accepted, event('verified'), event(name)).phase, 'verified');
  }
  const state = run(accepted, { type: 'checked', answer: { verified_at: AT, token: 'a.b.c' } }, event('sent'), event('verified'));
  assert.deepEqual([state.phase, state.token, state.times.verified], ['verified', 'a.b.c', AT]);
});

test('a resend after failed begins another mail with the same code', () => {
  const resent = { type: 'resent', answer: { ...ANSWER, resend_at: '2026-01-02T03:07:05.000Z', attempts_left: 3 } };
  const failed = run(accepted, event('processing'), event('failed', { reason: 'refused', reply: '550' }));
  assert.equal(isOver(failed), false);
  assert.equal(takesCode(failed), false);
  const again = [accepted, event('processing'), event('failed', { reason: 'refused' }), resent];
  assert.equal(steps(run(...again)), 'active todo todo todo');
  assert.equal(run(...again).reason, null);
  assert.equal(run(...again).resendAtMs, Date.parse('2026-01-02T03:07:05.000Z'));
  assert.equal(steps(run(...again, event('processing'), event('sent'))), 'done done done active');
  assert.equal(run(accepted, event('verified'), resent).phase, 'verified');
});

test('a code that left once can be typed though a later mail failed', () => {
  assert.equal(takesCode(run(accepted, event('sent'), event('failed'))), true);
  assert.equal(takesCode(run(accepted)), true);
  assert.equal(takesCode(INITIAL), false);
  assert.equal(takesCode(run(accepted, event('expired'))), false);
});

test('an event twice, or an older one, changes nothing', () => {
  const sent = { type: 'event', event: { event: 'sent', seq: 1_000_003, at: AT, data: {} } };
  const late = { type: 'event', event: { event: 'processing', seq: 1_000_001, at: AT, data: {} } };
  const state = run(accepted, sent, sent, late);
  assert.deepEqual([state.phase, state.timeline.length, state.lastSeq], ['sent', 1, 1_000_003]);
});

test('unknown events are kept for the log and counted, no more', () => {
  const state = run(accepted, event('teleported', { to: 'Mars' }), event('constructor'));
  assert.deepEqual([state.phase, state.unknown, state.timeline.length], ['queued', 2, 2]);
});

test('the log is bounded and keeps counting', () => {
  const many = Array.from({ length: 250 }, () => event('processing'));
  const state = run(accepted, ...many);
  assert.deepEqual([state.timeline.length, state.timeline[0].n, state.entries], [200, 50, 250]);
});

test('a status answer and the connection tell the same event once', () => {
  const timeline = [
    { event: 'requested', at: '2026-01-02T03:04:05.000Z', data: {} },
    { event: 'processing', at: '2026-01-02T03:04:05.100Z', data: { attempt: 1 } },
    { event: 'sent', at: '2026-01-02T03:04:05.200Z', data: {} },
  ];
  const status = { type: 'status', answer: { status: 'sent', timeline, attempts_left: 5 } };
  const onSocket = timeline.map((entry, n) => ({ type: 'event', event: { ...entry, seq: n * 4 } }));
  for (const actions of [[status, ...onSocket], [...onSocket, status], [onSocket[0], status, onSocket[1], status]]) {
    const state = run(accepted, ...actions);
    assert.deepEqual(state.timeline.map((entry) => entry.event), ['requested', 'processing', 'sent']);
    assert.equal(state.phase, 'sent');
  }
});

test('the status knows decisions before the timeline does', () => {
  assert.equal(run(accepted, { type: 'status', answer: { status: 'verified', timeline: [] } }).phase, 'verified');
  assert.equal(run(accepted, { type: 'status', answer: { status: 'queued' } }).phase, 'queued');
  assert.equal(run(accepted, event('locked'), { type: 'status', answer: { status: 'expired' } }).phase, 'locked');
});

test('time over by our own clock may be contradicted by the service', () => {
  const over = run(accepted, event('sent'), { type: 'time-over' });
  assert.deepEqual([over.phase, over.guessed], ['expired', true]);
  assert.equal(run(accepted, { type: 'time-over' }, event('canceled')).phase, 'canceled');
  assert.equal(run(accepted, { type: 'time-over' }, { type: 'checked', answer: { token: 'a' } }).phase, 'verified');
  assert.equal(run(accepted, event('locked'), { type: 'time-over' }).phase, 'locked');
  assert.equal(run({ type: 'time-over' }).phase, 'idle');
});

test('notes stand in the log and change nothing else', () => {
  const state = run(accepted, { type: 'note', name: 'error', at: AT, data: { code: 'unavailable' } });
  assert.deepEqual([state.phase, state.timeline[0].kind, state.lastSeq], ['queued', 'note', null]);
  assert.equal(run(accepted, { type: 'forgotten' }), INITIAL);
});

test('every phase has words of its own', () => {
  const phases = ['idle', 'verified', 'failed', 'expired', 'locked', 'canceled', 'superseded'];
  assert.equal(new Set(phases.map((phase) => headline({ ...INITIAL, phase }))).size, phases.length);
  const all = [...phases, 'queued', 'sending', 'deferred', 'sent'].map((phase) => statusText({ ...INITIAL, phase }));
  assert.equal(new Set(all).size, all.length);
  assert.equal(reasonText('gravity'), 'gravity');
  assert.equal(reasonText(null), 'no reason was given');
});

test('a deferred mail tells when it is tried again', () => {
  const state = run(accepted, event('deferred', { reason: 'busy', next_attempt_at: '2026-01-02T03:04:11.000Z' }));
  assert.equal(stepNotes(state, Date.parse(AT)).sending, 'The mail server asks us to wait; next try in 6 s');
  assert.equal(stepNotes(state, Date.parse(AT) + 7_000).sending, 'The mail server asks us to wait; next try soon');
});

test('every state of the connection has words', () => {
  const names = ['idle', 'connecting', 'live', 'reconnecting', 'offline', 'polling', 'done', 'closed'];
  assert.equal(new Set(names.map((name) => connectionText({ name, failures: 0 }, 0))).size, names.length);
  assert.equal(connectionText({ name: 'reconnecting', failures: 1, retryAt: 4_200 }, 0), 'Connection lost. Next try in 5 s');
});
