import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventsClient } from '../js/events-client.js';
import { FakeClock, FakeSocket } from './fakes.js';

function setUp({ after, random = () => 0.5, online = () => true } = {}) {
  const clock = new FakeClock();
  const sockets = [];
  const seen = { events: [], states: [], errors: [] };
  const client = new EventsClient({
    url: 'ws://notifier.test/v1/events', id: 'v1', ticket: 'secret-1', after,
    onEvent: (event) => seen.events.push(event),
    onState: (state) => seen.states.push(state),
    onError: (error) => seen.errors.push(error),
  }, {
    ...{ now: clock.now, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout, random, isOnline: online },
    createSocket: (url, protocol) => {
      sockets.push(new FakeSocket(url, protocol));
      return sockets.at(-1);
    },
  });
  const event = (seq, name, data = {}) => ({ type: 'event', id: 'v1', seq, event: name, at: '2026-01-02T03:04:05.000Z', data });
  return { client, clock, sockets, seen, event, last: () => sockets.at(-1), names: () => seen.events.map((e) => e.event) };
}

test('subscribes with the ticket in the first message and never in the address', () => {
  const { client, last } = setUp();
  client.start();
  assert.equal(client.state.name, 'connecting');
  last().open();
  assert.equal(last().protocol, 'otp.v1');
  assert.deepEqual(last().sent, [{ type: 'subscribe', id: 'v1', ticket: 'secret-1' }]);
  assert.ok(!last().url.includes('secret'));
  assert.equal(client.state.name, 'live');
});

test('hands over each event once and resumes behind the last one', () => {
  const { client, clock, last, event, names, seen } = setUp();
  client.start();
  last().open();
  last().tell(event(0, 'requested'));
  last().tell(event(17, 'processing'));
  last().tell(event(17, 'processing'));
  last().drop();
  assert.equal(client.state.name, 'reconnecting');
  assert.equal(client.state.retryAt, clock.now() + 500);
  clock.advance(500);
  last().open();
  assert.deepEqual(last().sent[0].after, 17);
  last().tell(event(12, 'sent'));
  last().tell(event(23, 'sent'));
  assert.deepEqual(names(), ['requested', 'processing', 'sent']);
  assert.deepEqual(seen.events[0].data, {});
});

test('resumes behind a number given', () => {
  const { client, last } = setUp({ after: 9 });
  client.start();
  last().open();
  assert.equal(last().sent[0].after, 9);
});

test('ignores what it does not understand', () => {
  const { client, last, event, names } = setUp();
  client.start();
  last().open();
  for (const odd of ['no json', '[]', 'null', { type: 'hello' }, { ...event(1, 'sent'), id: 'other' },
    { ...event(1, 'sent'), seq: 'x' }, { ...event(1, 'sent'), event: 7 }]) last().tell(odd);
  assert.deepEqual(names(), []);
  last().tell({ ...event(1, 'sent'), data: null });
  assert.deepEqual(names(), ['sent']);
});

test('is done after a terminal event and stays away', () => {
  for (const name of ['verified', 'expired', 'locked', 'canceled', 'superseded']) {
    const { client, clock, sockets, last, event } = setUp();
    client.start();
    last().open();
    last().tell(event(5, name));
    assert.equal(client.state.name, 'done', name);
    assert.equal(last().closedWith, 1000);
    clock.advance(600_000);
    assert.equal(sockets.length, 1);
    assert.equal(clock.pending, 0);
  }
});

test('a replay may go on behind failed', () => {
  const { client, clock, sockets, last, event, names } = setUp();
  client.start();
  last().open();
  last().tell(event(5, 'failed'));
  assert.equal(client.state.name, 'done');
  last().tell(event(6, 'processing'));
  assert.equal(client.state.name, 'live');
  last().tell(event(7, 'failed'));
  last().drop(1000);
  assert.equal(client.state.name, 'done');
  clock.advance(600_000);
  assert.equal(sockets.length, 1);
  assert.deepEqual(names(), ['failed', 'processing', 'failed']);
});

test('after failed it does not wait for ever for the server to close', () => {
  const { client, clock, last, event } = setUp();
  client.start();
  last().open();
  last().tell(event(5, 'failed'));
  assert.equal(last().closedWith, null);
  clock.advance(30_000);
  assert.equal(last().closedWith, 1000);
  assert.equal(client.state.name, 'done');
});

test('a renewed ticket starts an ended subscription again, behind the last event', () => {
  const { client, sockets, last, event } = setUp();
  client.start();
  last().open();
  last().tell(event(5, 'failed'));
  client.renew({ ticket: 'secret-2' });
  assert.equal(sockets.length, 2);
  last().open();
  assert.deepEqual(last().sent, [{ type: 'subscribe', id: 'v1', ticket: 'secret-2', after: 5 }]);
  client.renew({ ticket: 'secret-3' });
  assert.equal(sockets.length, 2, 'a live connection stays');
});

test('backs off exponentially with full jitter, up to the cap', () => {
  const { client, clock, last } = setUp({ random: () => 0.999 });
  client.start();
  const pauses = [];
  for (let n = 0; n < 7; n += 1) {
    last().drop();
    pauses.push(client.state.retryAt - clock.now());
    clock.advance(pauses.at(-1));
  }
  assert.deepEqual(pauses, [999, 1998, 3996, 7992, 14985, 14985, 14985]);
  assert.equal(client.state.failures, 7);
});

test('jitter goes down to a short pause, never to none', () => {
  const { client, clock, last } = setUp({ random: () => 0 });
  client.start();
  last().drop();
  assert.equal(client.state.retryAt - clock.now(), 100);
});

test('comes back soon when the server asks for it', () => {
  for (const code of [1012, 1013]) {
    const { client, clock, last } = setUp({ random: () => 0.999 });
    client.start();
    last().open();
    last().drop(code);
    assert.equal(client.state.name, 'reconnecting');
    assert.equal(client.state.retryAt - clock.now(), 250);
  }
});

test('1000 without a terminal event is a loss like another', () => {
  const { client, last } = setUp();
  client.start();
  last().open();
  last().drop(1000);
  assert.equal(client.state.name, 'reconnecting');
});

test('a connection counts as good once it held or brought something', () => {
  const { client, clock, last, event } = setUp();
  client.start();
  last().drop();
  clock.advance(500);
  last().open();
  assert.equal(client.state.failures, 1, 'opening alone says nothing');
  last().tell(event(0, 'requested'));
  assert.equal(client.state.failures, 0);
  last().drop();
  clock.advance(500);
  last().open();
  clock.advance(10_000);
  assert.deepEqual([client.state.name, client.state.failures], ['live', 0]);
});

test('gives up in the end', () => {
  const { client, clock, sockets, last } = setUp({ random: () => 0 });
  client.start();
  for (let n = 0; n < 61; n += 1) {
    last().drop();
    clock.advance(100);
  }
  assert.deepEqual([client.state.name, client.state.reason, sockets.length], ['closed', 'gave-up', 61]);
  assert.equal(clock.pending, 0);
});

test('a handshake that hangs is given up', () => {
  const { client, clock, last } = setUp();
  client.start();
  const hung = last();
  clock.advance(8_000);
  assert.equal(hung.closedWith, 1000);
  assert.equal(client.state.name, 'reconnecting');
});

test('an address that no socket can be made for is a loss, too', () => {
  const clock = new FakeClock();
  const client = new EventsClient({ url: 'nonsense', id: 'v1', ticket: 't', onEvent() {} }, {
    now: clock.now, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout, random: () => 0.5, isOnline: () => true,
    createSocket() { throw new SyntaxError('bad url'); },
  });
  client.start();
  assert.deepEqual([client.state.name, client.state.failures], ['reconnecting', 1]);
});

test('stops when the ticket is refused, by a frame or by a close code', () => {
  const { client, clock, sockets, seen, last } = setUp();
  client.start();
  last().open();
  last().tell({ type: 'error', code: 'invalid-ticket', id: 'v1' });
  assert.deepEqual([client.state.name, client.state.reason], ['closed', 'refused']);
  assert.deepEqual(seen.errors, [{ code: 'invalid-ticket' }]);
  clock.advance(600_000);
  assert.equal(sockets.length, 1);

  const other = setUp();
  other.client.start();
  other.last().open();
  other.last().drop(1008);
  assert.equal(other.client.state.reason, 'refused');
});

test('a ticket renewed meanwhile gets a try of its own', () => {
  const { client, clock, last } = setUp();
  client.start();
  last().open();
  client.renew({ ticket: 'secret-2' });
  last().tell({ type: 'error', code: 'ticket-expired' });
  assert.equal(client.state.name, 'reconnecting');
  clock.advance(500);
  last().open();
  assert.equal(last().sent[0].ticket, 'secret-2');
});

test('other error frames are told and end nothing', () => {
  const { client, seen, last } = setUp();
  client.start();
  last().open();
  last().tell({ type: 'error', code: 'unavailable' });
  assert.equal(client.state.name, 'live');
  assert.deepEqual(seen.errors, [{ code: 'unavailable' }]);
});

test('offline is shown, tried now and then, and ended by a hint', () => {
  let online = false;
  const { client, clock, sockets, last } = setUp({ online: () => online });
  client.start();
  last().drop();
  assert.equal(client.state.name, 'offline');
  clock.advance(15_000);
  assert.equal(sockets.length, 2, 'the browser may be wrong about it');
  last().drop();
  online = true;
  client.refresh();
  assert.equal(sockets.length, 3);
});

test('a refresh replaces a connection in doubt; late words of the old one are not heard', () => {
  const { client, sockets, last, event, names } = setUp();
  client.start();
  last().open();
  const old = last();
  client.refresh();
  assert.equal(old.closedWith, 1000);
  old.tell(event(3, 'sent'));
  old.drop(1000);
  assert.deepEqual([sockets.length, client.state.name, names().length], [2, 'connecting', 0]);
});

test('hints are nothing to a client that has not begun, waits for nothing or has ended', () => {
  const { client, sockets, last, event } = setUp();
  client.refresh();
  client.retryNow();
  assert.equal(sockets.length, 0);
  client.start();
  client.start();
  last().open();
  client.retryNow();
  assert.equal(sockets.length, 1);
  last().tell(event(4, 'verified'));
  client.refresh();
  client.retryNow();
  assert.equal(sockets.length, 1);
});

test('retryNow ends a pause, and stop ends everything', () => {
  const { client, clock, sockets, last } = setUp();
  client.start();
  last().drop();
  client.retryNow();
  assert.equal(sockets.length, 2);
  last().open();
  client.stop();
  assert.deepEqual([client.state.name, client.state.reason, last().closedWith], ['closed', 'stopped', 1000]);
  assert.equal(clock.pending, 0);
});
