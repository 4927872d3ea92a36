import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { prove } from '../js/prover.js';

const CHALLENGE = {
  parameters: {
    algorithm: 'PBKDF2/SHA-256', cost: 1, keyLength: 32, keyPrefix: '722ede18', nonce: '39baf91a19d671f8231217f9e28342a6', salt: '5e00d5d152e1a5db7d44fb6404a40a5e',
  },
  signature: 'ab',
};
const counterOf = (payload) => JSON.parse(atob(payload)).solution.counter;

/** A browser's worker, as far as it goes here: a test says what it does. */
class FakeWorker extends EventTarget {
  static made = [];
  isEnded = false;
  constructor(url, options) {
    super();
    Object.assign(this, { url, options });
    FakeWorker.made.push(this);
  }
  postMessage(data) {
    this.asked = data;
  }
  terminate() {
    this.isEnded = true;
  }
  say(data) {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }
}

/** The page that the script runs in: its own origin's, as files have it, or another's. */
function page(origin, worker = FakeWorker) {
  FakeWorker.made = [];
  Object.assign(globalThis, { Worker: worker, location: { origin } });
}

afterEach(() => {
  delete globalThis.Worker;
  delete globalThis.location;
});

const ours = new URL(import.meta.url).origin;

test('a worker of our own origin solves, and ends', async () => {
  page(ours);
  const proof = prove(CHALLENGE, new AbortController().signal);
  const [worker] = FakeWorker.made;
  assert.ok(worker.url.pathname.endsWith('/js/proof-worker.js'));
  assert.deepEqual([worker.options, worker.asked], [{ type: 'module' }, CHALLENGE]);
  worker.say({ payload: 'solved' });
  assert.equal(await proof, 'solved');
  assert.ok(worker.isEnded);
});

test('a page of another origin does without a worker', async () => {
  page('https://shop.example.com');
  assert.equal(counterOf(await prove(CHALLENGE, new AbortController().signal)), 123);
  assert.equal(FakeWorker.made.length, 0);
});

test('a worker that may not be started, or whose files do not load, is done without', async () => {
  page(ours, class { constructor() { throw new DOMException('', 'SecurityError'); } });
  assert.equal(counterOf(await prove(CHALLENGE, new AbortController().signal)), 123);
  page(ours);
  const proof = prove(CHALLENGE, new AbortController().signal);
  const [worker] = FakeWorker.made;
  worker.dispatchEvent(new Event('error'));
  assert.equal(counterOf(await proof), 123);
  assert.ok(worker.isEnded);
});

test('a worker is ended when the person has had enough, and its own failures are told', async () => {
  page(ours);
  const stop = new AbortController();
  const proof = prove(CHALLENGE, stop.signal);
  stop.abort();
  await assert.rejects(proof, { name: 'AbortError' });
  assert.ok(FakeWorker.made[0].isEnded);
  const failing = prove(CHALLENGE, new AbortController().signal);
  FakeWorker.made[1].say({ name: 'NotSupportedError' });
  await assert.rejects(failing, { name: 'NotSupportedError' });
  assert.ok(FakeWorker.made[1].isEnded);
});
