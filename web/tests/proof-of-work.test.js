import assert from 'node:assert/strict';
import { createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { pbkdf2 } from '../js/pbkdf2.js';
import { solve } from '../js/proof-of-work.js';

const golden = JSON.parse(readFileSync(new URL('../../gateway/golden/altcha.json', import.meta.url), 'utf8'));
const ways = [['the browser\u2019s', undefined], ['our own', null]];
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const read = (payload) => JSON.parse(atob(payload));

/** A challenge as the protocol has it, solved by `counter`. */
function challenge(counter, more = {}) {
  const [nonce, salt] = [randomBytes(16), randomBytes(16)];
  const password = Buffer.concat([nonce, Buffer.alloc(4)]);
  password.writeUInt32BE(counter, 16);
  const key = pbkdf2Sync(password, salt, 3, 32, 'sha256');
  const parameters = {
    algorithm: 'PBKDF2/SHA-256', cost: 3, keyLength: 32, keyPrefix: hex(key.subarray(0, 16)), nonce: hex(nonce), salt: hex(salt), ...more,
  };
  return { challenge: { parameters, signature: 'ab' }, key: hex(key) };
}

test('vectors: the protocol\u2019s own, and one of RFC 7914 \u00a711', () => {
  const password = Buffer.from('39baf91a19d671f8231217f9e28342a60000007b', 'hex');
  const salt = Buffer.from('5e00d5d152e1a5db7d44fb6404a40a5e', 'hex');
  assert.equal(hex(pbkdf2(password, salt, 1)), '722ede188d41e7a7c9fd5447dca6cbb84e09c15724dbaadfb5bfb37d2cd4effa');
  assert.equal(hex(pbkdf2(password, salt, 2)), 'cba117f9a790022a55589d5008c9f003e49c011ff7fe34fc838788a1825524f7');
  assert.equal(hex(pbkdf2(Buffer.from('passwd'), Buffer.from('salt'), 1)), '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc');
});

test('keys derived here are those that Node derives', () => {
  for (const [length, salted, rounds] of [[0, 0, 1], [20, 16, 500], [64, 51, 7], [1, 51, 2]]) {
    const [password, salt] = [randomBytes(length), randomBytes(salted)];
    assert.equal(hex(pbkdf2(password, salt, rounds)), hex(pbkdf2Sync(password, salt, rounds, 32, 'sha256')), `${length} ${salted} ${rounds}`);
  }
});

for (const [name, subtle] of ways) {
  test(`numbers are found with ${name} keys, also the first ones and those at the edge of a round`, async () => {
    for (const counter of [0, 1, 15, 16, 17, 300]) {
      const { challenge: asked, key } = challenge(counter, { data: { level: 1 }, expiresAt: 4_000_000_000 });
      const { challenge: repeated, solution } = read(await solve(asked, { subtle }));
      assert.deepEqual([solution.counter, solution.derivedKey], [counter, key]);
      assert.deepEqual(repeated, asked, 'the challenge comes back whole');
    }
  });

  test(`the gateway\u2019s own challenge is solved with ${name} keys`, async () => {
    const { solution } = read(await solve(golden.challenge, { subtle }));
    assert.equal(solution.derivedKey, golden.solution);
    const mac = createHmac('sha256', golden.keySecret).update(Buffer.from(solution.derivedKey, 'hex')).digest('hex');
    assert.equal(mac, golden.challenge.parameters.keySignature);
  });

  test(`solving with ${name} keys stops when told, and lets others have their turn`, async () => {
    const stop = new AbortController();
    const { challenge: endless } = challenge(0, { keyPrefix: 'f'.repeat(64), cost: 50 });
    let turns = 0;
    const ticking = setInterval(() => {
      turns += 1;
      if (turns === 3) stop.abort();
    }, 1);
    await assert.rejects(solve(endless, { subtle, signal: stop.signal }), { name: 'AbortError' });
    clearInterval(ticking);
    assert.ok(turns >= 3, String(turns));
  });
}

test('another algorithm is refused and not tried', async () => {
  for (const more of [{ algorithm: 'ARGON2ID' }, { algorithm: 'SHA-256' }, { keyLength: 64 }]) {
    await assert.rejects(solve(challenge(0, more).challenge), { name: 'NotSupportedError' });
  }
});

test('what a key costs with each', async (t) => {
  const { challenge: asked } = challenge(399, {});
  const { parameters } = asked;
  for (const [name, subtle] of ways) {
    const costly = { ...parameters, cost: 500, keyPrefix: 'none' };
    const stop = new AbortController();
    const began = performance.now();
    let derived = 0;
    const counted = subtle === null ? null : {
      importKey: (...all) => crypto.subtle.importKey(...all),
      deriveBits: (...all) => {
        derived += 1;
        return crypto.subtle.deriveBits(...all);
      },
    };
    setTimeout(() => stop.abort(), 300);
    await assert.rejects(solve({ parameters: costly, signature: '' }, { subtle: counted, signal: stop.signal }), { name: 'AbortError' });
    if (subtle !== null) t.diagnostic(`${name}: ${((performance.now() - began) / derived).toFixed(3)} ms for a key of 500 rounds`);
  }
  const began = performance.now();
  for (let n = 0; n < 500; n += 1) pbkdf2(new Uint8Array(20), new Uint8Array(16), 500);
  t.diagnostic(`ours: ${((performance.now() - began) / 500).toFixed(3)} ms for a key of 500 rounds`);
});
