import assert from 'node:assert/strict';
import { test } from 'node:test';

import { route, STATIONS } from '../js/route.js';
import { INITIAL, reduce } from '../js/verification.js';

const START = Date.parse('2026-01-02T03:04:05.000Z');
const iso = (ms) => new Date(START + ms).toISOString();
const NOTHING = { answerMs: null, sentMs: null };
const accepted = { type: 'accepted', answer: { id: 'v1', email: 'a***e@example.com', attempts_left: 5 } };
let seq = 0;
const event = (name, atMs, data = {}) => ({ type: 'event', event: { event: name, seq: (seq += 1), at: iso(atMs), data } });
const run = (...actions) => actions.reduce(reduce, INITIAL);
const states = (state, isAsking) => route(state, NOTHING, isAsking).map((stop) => stop.state).join(' ');
const hops = (state, measured = NOTHING) => Object.fromEntries(route(state, measured).map(({ station, hopMs }) => [station, hopMs]));

test('six stops, in the order of the way', () => {
  assert.deepEqual(route(INITIAL, NOTHING).map((stop) => stop.station), STATIONS);
});

test('the line follows the code', () => {
  assert.equal(states(INITIAL), 'todo todo todo todo todo todo');
  assert.equal(states(INITIAL, true), 'done active todo todo todo todo');
  const walk = [accepted, event('requested', 0), event('processing', 4), event('deferred', 9, { reason: 'busy' }), event('processing', 2_000),
    event('sent', 2_010, { elapsed_ms: 8 }), event('verified', 20_000)];
  const seen = walk.map((_, n) => states(run(...walk.slice(0, n + 1))));
  assert.deepEqual(seen, [
    'done done done active todo todo',
    'done done done active todo todo',
    'done done done done active todo',
    'done done done done deferred todo',
    'done done done done active todo',
    'done done done done done active',
    'done done done done done done',
  ]);
});

test('an end stops the line where the code was', () => {
  assert.equal(states(run(accepted, event('expired', 1))), 'done done done failed todo todo');
  assert.equal(states(run(accepted, event('processing', 1), event('failed', 2, { reason: 'refused' }))), 'done done done done failed todo');
  for (const end of ['expired', 'locked', 'canceled', 'superseded']) {
    assert.equal(states(run(accepted, event('sent', 1), event(end, 2))), 'done done done done done failed', end);
  }
});

test('each hop has what was measured of it, and no more', () => {
  const walk = [accepted, event('requested', 0), event('processing', 4), event('sent', 12, { elapsed_ms: 8 }), event('verified', 20_012)];
  assert.deepEqual(hops(run(...walk), { answerMs: 17, sentMs: 40 }), { you: null, gateway: 17, jetstream: null, mailer: 4, relay: 8, mailbox: 20_000 });
  assert.deepEqual(hops(run(...walk.slice(0, 3))), { you: null, gateway: null, jetstream: null, mailer: 4, relay: null, mailbox: null });
  assert.deepEqual(hops(run(accepted, event('sent', 12, {}))), { you: null, gateway: null, jetstream: null, mailer: null, relay: null, mailbox: null });
});

test('the wait in the queue is that of the first try', () => {
  const retried = run(accepted, event('requested', 0), event('processing', 4), event('deferred', 9), event('processing', 2_004));
  assert.equal(hops(retried).mailer, 4);
});

test('a later mail has no time in the queue: no event says when it was asked for', () => {
  const again = run(accepted, event('requested', 0), event('processing', 4), event('sent', 9), event('processing', 60_000), event('sent', 60_009));
  assert.equal(hops(again).mailer, null);
});

test('clocks that disagree are not shown as time', () => {
  assert.equal(hops(run(accepted, event('requested', 100), event('processing', 4))).mailer, null);
});
