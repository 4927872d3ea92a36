import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clockTime, countdown, decodeClaims, duration, normaliseCode } from '../js/format.js';
import { Session } from '../js/session.js';

test('a code is its digits, however it is written', () => {
  const same = ['123456', '123 456', '123-456', ' 123\u00a0456\n', '123\u2013456', 'Your code: 123456.', '１２３４５６',
    '\u0661\u0662\u0663\u0664\u0665\u0666', '\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6'];
  for (const typed of same) assert.equal(normaliseCode(typed), '123456', typed);
  assert.equal(normaliseCode('00 00 07'), '000007');
  assert.equal(normaliseCode('code'), '');
  assert.equal(normaliseCode('123456789012'), '1234567890');
});

test('countdowns round up, so that nothing is over before its time', () => {
  assert.deepEqual([300_000, 272_001, 60_000, 59_999, 5_100, 1, 0, -5].map(countdown),
    ['5:00', '4:33', '1:00', '1:00', '6 s', '1 s', '0 s', '0 s']);
});

test('measured times are as short as they can be said', () => {
  assert.deepEqual([0, 0.4, 7, 999, 1_400, 59_949, 125_000].map((ms) => duration(ms)), ['< 1 ms', '< 1 ms', '7 ms', '999 ms', '1.4 s', '59.9 s', '2:05']);
  assert.equal(duration(1_400, 'de'), '1,4 s');
});

test('times have milliseconds', () => {
  assert.match(clockTime('2026-01-02T03:04:05.042Z'), /^\d\d:\d\d:05\.042$/);
  assert.equal(clockTime(null), '–');
  assert.equal(clockTime('nonsense'), '–');
});

test('claims are read from a token, and nothing from anything else', () => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: 'jürgen@example.com', email_verified: true };
  assert.deepEqual(decodeClaims(`${part({ alg: 'EdDSA' })}.${part(claims)}.sig`), claims);
  for (const token of ['', 'a.b', 'a.%%%.c', `x.${part([1])}.y`, `x.${part(null)}.y`]) assert.equal(decodeClaims(token), null, token);
});

const SAVED = {
  id: 'v1', email: 'a***e@example.com', expires_at: '2026-01-02T03:09:05.000Z', resend_at: '2026-01-02T03:05:05.000Z',
  events: { url: 'ws://x', ticket: 't' }, after: null, offsetMs: 0,
};

function fakeStorage() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key), kept,
  };
}

test('a verification under way survives a reload, one that is over does not', () => {
  const storage = fakeStorage();
  const session = new Session(() => storage);
  session.save(SAVED);
  assert.deepEqual(session.load(Date.parse('2026-01-02T03:09:04.000Z')), SAVED);
  assert.equal(session.load(Date.parse('2026-01-02T03:09:05.000Z')), null);
  assert.equal(storage.kept.size, 0);
});

test('what is stored may be anything, and storage may be forbidden', () => {
  const storage = fakeStorage();
  const session = new Session(() => storage);
  for (const odd of ['{', 'null', '7', '{"id":"x"}', '{"id":"x","events":{}}']) {
    storage.setItem('distotp.verification', odd);
    assert.equal(session.load(0), null, odd);
  }
  const forbidden = new Session(() => { throw new DOMException('no', 'SecurityError'); });
  forbidden.save(SAVED);
  forbidden.clear();
  assert.equal(forbidden.load(0), null);
});

test('several verifications in a tab are told apart', () => {
  const storage = fakeStorage();
  const [one, other] = [new Session(() => storage), new Session(() => storage, 'signup')];
  one.save(SAVED);
  assert.equal(other.load(0), null);
  other.save({ ...SAVED, id: 'v2' });
  one.clear();
  assert.equal(other.load(0).id, 'v2');
});
