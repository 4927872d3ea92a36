import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Api } from '../js/api.js';
import { EventsClient } from '../js/events-client.js';
import { Flow } from '../js/flow.js';
import { Session } from '../js/session.js';
import { FakeClock, FakeSocket, settled } from './fakes.js';

const ID = 'v1';
const iso = (ms) => new Date(ms).toISOString();

/** A page without a document: real API client, session, events client and flow on a fake network and clock. */
function setUp({kept = new Map(), prove, key } = {}) {
  const clock = new FakeClock();
  const sockets = [];
  const calls = [];
  const replies = [];
  const accepted = (ticket = 't1') => ({
    id: ID, status: 'queued', email: 'a***e@example.com', expires_at: iso(clock.now() + 300_000),
    resend_at: iso(clock.now() + 60_000), attempts_left: 5, events: { url: 'ws://n.test/v1/events', ticket },
  });
  const fetch = async (url, { method, headers, body }) => {
    calls.push({ url, method, headers, body: body && JSON.parse(body) });
    const reply = replies.shift();
    if (!reply) throw new TypeError('network away');
    const [status, answer, extra = {}] = reply;
    return new Response(status === 204 ? null : JSON.stringify(answer), { status, headers: { date: new Date(clock.now()).toUTCString(), ...extra } });
  };
  const storage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) };
  const createSocket = (url, protocol) => {
    sockets.push(new FakeSocket(url, protocol));
    return sockets.at(-1);
  };
  let view;
  const flow = new Flow({
    api: new Api({ fetch, key, now: clock.now }), session: new Session(() => storage), clock,
    openEvents: (subscription) => new EventsClient(subscription, { ...clock, random: () => 0.5, isOnline: () => true, createSocket }),
    prove, onChange: (next) => { view = next; },
  });
  const problem = (status, slug, more = {}, headers = {}) => [status, { type: `x/${slug}`, title: slug, status, ...more }, headers];
  const tell = (seq, event, data = {}) => sockets.at(-1).tell({ type: 'event', id: ID, seq, event, at: iso(clock.now()), data });
  return { flow, clock, sockets, calls, replies, kept, accepted, problem, tell, view: () => view, last: () => sockets.at(-1) };
}

async function started(options) {
  const page = setUp(options);
  page.replies.push([202, page.accepted()]);
  await page.flow.request('alice@example.com');
  page.last().open();
  page.tell(0, 'requested');
  return page;
}

test('the whole way', async () => {
  const page = await started();
  page.tell(4, 'processing');
  page.tell(6, 'sent');
  assert.equal(page.view().verification.phase, 'sent');
  page.replies.push([200, { id: ID, status: 'verified', verified_at: iso(page.clock.now()), token: 'a.b.c' }]);
  await page.flow.check('123456');
  assert.deepEqual([page.view().verification.phase, page.view().verification.token], ['verified', 'a.b.c']);
  assert.equal(page.view().connection.name, 'live', 'the event is still to come');
  page.tell(9, 'verified');
  assert.equal(page.view().connection.name, 'done');
  assert.deepEqual(page.calls.map(({ method, url }) => `${method} ${url}`), ['POST /v1/verifications', 'POST /v1/verifications/v1/check']);
  assert.equal(page.kept.size, 0);
});

test('neither address, code nor proof is stored, and no ticket is in an address', async () => {
  const page = await started();
  const stored = [...page.kept.values()].join();
  assert.ok(stored.includes('a***e@example.com') && !stored.includes('alice'));
  page.replies.push(page.problem(422, 'incorrect-code', { attempts_left: 4 }), [202, page.accepted('t2')]);
  await page.flow.check('111111');
  await page.flow.resend();
  assert.ok(![...page.kept.values()].join().includes('111111'));
  assert.ok(![...page.calls, ...page.sockets].some(({ url }) => /t1|t2/.test(url)));
});

test('a wish whose answer got lost is the same wish', async () => {
  const page = setUp();
  await page.flow.request('alice@example.com');
  assert.equal(page.view().problem.problem.slug, 'network');
  page.replies.push([202, page.accepted()]);
  await page.flow.request('alice@example.com');
  const keys = page.calls.map(({ headers }) => headers['Idempotency-Key']);
  assert.match(keys[0], /^"[0-9a-f]{32}"$/);
  assert.equal(keys[0], keys[1]);
});

test('a refused wish and another address are new wishes', async () => {
  const page = setUp();
  page.replies.push(page.problem(422, 'invalid-email'), page.problem(422, 'invalid-email'));
  await page.flow.request('a');
  await page.flow.request('a');
  await page.flow.request('b');
  assert.equal(new Set(page.calls.map(({ headers }) => headers['Idempotency-Key'])).size, 3);
});

test('Retry-After is honoured', async () => {
  const page = setUp();
  page.replies.push(page.problem(429, 'rate-limited', {}, { 'retry-after': '42' }), [202, page.accepted()]);
  await page.flow.request('alice@example.com');
  assert.equal(page.view().waits.request, page.clock.now() + 42_000);
  await page.flow.request('alice@example.com');
  assert.equal(page.calls.length, 1);
  page.clock.advance(42_000);
  await page.flow.request('alice@example.com');
  assert.equal(page.view().verification.phase, 'queued');
});

test('one question at a time', async () => {
  const page = await started();
  page.replies.push(page.problem(422, 'incorrect-code', { attempts_left: 4 }));
  await Promise.all([page.flow.check('111111'), page.flow.check('111111')]);
  assert.equal(page.calls.filter(({ url }) => url.endsWith('/check')).length, 1);
  assert.deepEqual([page.view().verification.attemptsLeft, page.view().busy], [4, null]);
});

test('without a connection the status is asked for, with the ticket in a header', async () => {
  const page = setUp();
  page.replies.push([202, page.accepted()]);
  await page.flow.request('alice@example.com');
  const timeline = [{ event: 'sent', at: iso(page.clock.now()), data: {} }];
  page.replies.push([200, { status: 'sent', timeline }], [200, { status: 'sent', timeline }]);
  for (let n = 0; n < 3; n += 1) {
    page.last().drop();
    page.clock.advance(n < 2 ? 500 * 2 ** n : 0);
  }
  await settled();
  assert.deepEqual([page.view().connection.name, page.view().verification.phase], ['polling', 'sent']);
  assert.equal(page.calls.at(-1).headers.Authorization, 'Bearer t1');
  page.clock.advance(4_000);
  await settled();
  assert.equal(page.calls.length, 3);
  page.last().open();
  page.tell(8, 'rejected', { attempts_left: 4 });
  page.clock.advance(9_000);
  await settled();
  assert.deepEqual([page.view().connection.name, page.calls.length], ['live', 3]);
});

test('a refused ticket ends the asking, too', async () => {
  const page = await started();
  page.replies.push(page.problem(401, 'unauthorized'));
  page.last().tell({ type: 'error', code: 'invalid-ticket' });
  await settled();
  page.clock.advance(60_000);
  await settled();
  assert.deepEqual([page.view().connection.name, page.calls.length], ['closed', 2]);
  assert.equal(page.view().verification.timeline.at(-1).event, 'error');
});

test('a resend after failed follows the new mail, also after a reload', async () => {
  const page = await started();
  page.tell(5, 'failed', { reason: 'refused' });
  page.last().drop(1000);
  page.replies.push([202, page.accepted('t2')]);
  await page.flow.resend();
  page.last().open();
  assert.deepEqual(page.last().sent, [{ type: 'subscribe', id: ID, ticket: 't2', after: 5 }]);
  assert.equal(page.view().verification.phase, 'queued');

  const reloaded = setUp({ kept: page.kept });
  reloaded.flow.resume();
  reloaded.last().open();
  assert.deepEqual(reloaded.last().sent, [{ type: 'subscribe', id: ID, ticket: 't2', after: 5 }]);
  assert.equal(reloaded.view().verification.phase, 'queued');
});

test('a reload goes on from the start of the timeline', async () => {
  const page = await started();
  const reloaded = setUp({ kept: page.kept });
  reloaded.flow.resume();
  reloaded.last().open();
  assert.deepEqual(reloaded.last().sent, [{ type: 'subscribe', id: ID, ticket: 't1' }]);
  assert.equal(reloaded.view().verification.email, 'a***e@example.com');
});

test('canceling needs the ticket and ends it', async () => {
  const page = await started();
  page.replies.push([204]);
  await page.flow.cancel();
  assert.deepEqual([page.calls[1].method, page.calls[1].headers.Authorization], ['DELETE', 'Bearer t1']);
  assert.equal(page.view().verification.phase, 'canceled');
});

test('what became of a verification elsewhere is looked up', async () => {
  const page = await started();
  page.replies.push(page.problem(410, 'already-used'), [200, { status: 'verified', timeline: [] }]);
  await page.flow.check('123456');
  await settled();
  assert.deepEqual([page.view().verification.phase, page.view().verification.token], ['verified', null]);
});

test('the time runs out by the service\u2019s clock', async () => {
  const page = await started();
  page.clock.advance(301_000);
  assert.equal(page.view().verification.phase, 'queued');
  page.clock.advance(500);
  assert.equal(page.view().verification.phase, 'expired');
});

test('a clock that is wrong is reckoned with', async () => {
  const page = setUp();
  page.replies.push([202, page.accepted(), { date: new Date(page.clock.now() + 90_000).toUTCString() }]);
  await page.flow.request('alice@example.com');
  assert.equal(page.flow.serverNow, page.clock.now() + 90_500);
});

test('a late answer is not for the next verification', async () => {
  const page = await started();
  page.replies.push([200, { id: ID, status: 'verified', token: 'a.b.c' }]);
  const late = page.flow.check('123456');
  page.flow.again();
  await late;
  assert.deepEqual([page.view().verification.phase, page.view().busy, page.kept.size], ['idle', null, 0]);
  assert.equal(page.clock.pending, 0);
});

test('after a long sleep the connection is replaced, after a short one it is not', async () => {
  const page = await started();
  page.flow.visibilityChanged(true);
  page.clock.advance(20_000);
  page.flow.visibilityChanged(false);
  assert.equal(page.sockets.length, 1);
  page.flow.visibilityChanged(true);
  page.clock.advance(40_000);
  page.flow.visibilityChanged(false);
  assert.equal(page.sockets.length, 2);
  page.flow.networkChanged();
  assert.equal(page.sockets.length, 3);
});

test('what this page saw is measured: the answer, and the mail on its way', async () => {
  const page = setUp();
  assert.deepEqual(page.flow.view.measured, { answerMs: null, sentMs: null });
  page.replies.push([202, page.accepted()]);
  const asked = page.flow.request('alice@example.com');
  page.clock.advance(12);
  await asked;
  assert.deepEqual(page.view().measured, { answerMs: 12, sentMs: null });
  page.last().open();
  page.clock.advance(30);
  page.tell(6, 'sent');
  page.clock.advance(30);
  page.tell(7, 'sent');
  assert.deepEqual(page.view().measured, { answerMs: 12, sentMs: 42 });
  page.replies.push([202, page.accepted('t2')]);
  await page.flow.resend();
  page.tell(9, 'sent');
  assert.deepEqual(page.view().measured, { answerMs: null, sentMs: null }, 'another mail, whose way was not measured');
});

test('purpose and language go with the wish, and make it another one', async () => {
  const page = setUp();
  const wish = { email: 'alice@example.com', purpose: 'signup', locale: 'de' };
  await page.flow.request(wish);
  await page.flow.request({ ...wish });
  await page.flow.request({ ...wish, purpose: 'login' });
  assert.deepEqual(page.calls[0].body, wish);
  const keys = page.calls.map(({ headers }) => headers['Idempotency-Key']);
  assert.deepEqual([keys[0] === keys[1], keys[1] === keys[2]], [true, false]);
});

test('suspended, it leaves all as it is, and goes on when resumed', async () => {
  const page = await started();
  page.tell(6, 'sent');
  page.flow.suspend();
  assert.deepEqual([page.last().closedWith, page.clock.pending, page.kept.size], [1000, 0, 1]);
  page.flow.resume();
  assert.equal(page.sockets.length, 2);
  assert.equal(page.view().ticket, 't1');
});

const CHALLENGE = { parameters: { algorithm: 'PBKDF2/SHA-256', keyPrefix: '00' }, signature: 'ab' };

test('a request that needs proof of work is sent again with it, under the same key', async () => {
  const seen = [];
  const page = setUp({ prove: async (challenge) => {
    seen.push([challenge, page.view().proving, page.view().busy]);
    page.clock.advance(900);
    return `solved ${seen.length}`;
  } });
  const again = { ...CHALLENGE, signature: 'cd' };
  page.replies.push(page.problem(428, 'proof-of-work-required', { challenge: CHALLENGE }),
    page.problem(422, 'invalid-proof-of-work', { challenge: again }), [202, page.accepted()]);
  await page.flow.request('alice@example.com');
  assert.equal(page.view().verification.phase, 'queued');
  assert.deepEqual(seen, [[CHALLENGE, true, 'request'], [again, true, 'request']]);
  assert.deepEqual(page.calls.map(({ body }) => body), [{ email: 'alice@example.com' }, { email: 'alice@example.com', altcha: 'solved 1' }, { email: 'alice@example.com', altcha: 'solved 2' }]);
  assert.equal(new Set(page.calls.map(({ headers }) => headers['Idempotency-Key'])).size, 1);
  assert.deepEqual([page.view().proving, page.view().busy, page.view().problem, page.view().measured.answerMs], [false, null, null, 0]);
});

test('a service that is never content is not asked for ever', async () => {
  const page = setUp({ prove: async () => 'solved' });
  for (let n = 0; n < 9; n += 1) page.replies.push(page.problem(422, 'invalid-proof-of-work', { challenge: CHALLENGE }));
  await page.flow.request('alice@example.com');
  assert.equal(page.calls.length, 3);
  assert.equal(page.view().problem.problem.slug, 'invalid-proof-of-work');
});

test('what cannot be solved is told as the service told it', async () => {
  const page = setUp({ prove: async () => { throw new DOMException('', 'NotSupportedError'); } });
  page.replies.push(page.problem(428, 'proof-of-work-required', { challenge: CHALLENGE }));
  await page.flow.request('alice@example.com');
  assert.deepEqual([page.view().problem.problem.slug, page.view().proving, page.view().busy], ['proof-of-work-required', false, null]);
});

for (const [name, stop] of [['cancel', (flow) => flow.cancel()], ['again', (flow) => flow.again()]]) {
  test(`proof of work ends at once with ${name}, and nothing is asked after it`, async () => {
    let told;
    const page = setUp({ prove: (_challenge, signal) => new Promise((_, reject) => {
      told = signal;
      signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
    }) });
    page.replies.push(page.problem(428, 'proof-of-work-required', { challenge: CHALLENGE }));
    const asked = page.flow.request('alice@example.com');
    while (!told) await settled();
    await stop(page.flow);
    await asked;
    assert.ok(told.aborted);
    assert.equal(page.calls.length, 1);
    assert.deepEqual([page.view().proving, page.view().busy, page.view().problem, page.view().verification.phase], [false, null, null, 'idle']);
  });
}

test('the application asks with its key, and with nothing where there is none', async () => {
  const page = await started({ key: 'otp_pk_shop' });
  page.replies.push([422, { type: 'x/incorrect-code', title: '', status: 422, attempts_left: 4 }]);
  await page.flow.check('000000');
  assert.deepEqual(page.calls.map(({ headers }) => headers.Authorization), ['Bearer otp_pk_shop', undefined]);
  const open = await started();
  assert.equal(open.calls[0].headers.Authorization, undefined);
});
