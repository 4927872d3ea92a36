/** The protocol's own library against ours, both ways. `npm run tools` fetches it. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { solve } from '../js/proof-of-work.js';

const library = new URL('../../target/web-tools/node_modules/altcha-lib/dist/esm/v2/', import.meta.url);
const skip = existsSync(library) ? false : '`npm run tools` in web/ fetches altcha-lib';
const golden = JSON.parse(readFileSync(new URL('../../gateway/golden/altcha.json', import.meta.url), 'utf8'));
const theirs = async () => ({ ...(await import(new URL('index.js', library))), ...(await import(new URL('algorithms/pbkdf2.js', library))) });

test('their solver solves the gateway\u2019s challenge, and their verifier finds our signatures right', { skip }, async () => {
  const { solveChallenge, verifySolution, deriveKey } = await theirs();
  const { challenge, signatureSecret, keySecret } = golden;
  const solution = await solveChallenge({ challenge, deriveKey });
  assert.equal(solution.derivedKey, golden.solution);
  const secrets = { hmacSignatureSecret: signatureSecret, hmacKeySignatureSecret: keySecret };
  const verified = await verifySolution({ challenge, solution, deriveKey, ...secrets });
  assert.deepEqual([verified.verified, verified.expired, verified.invalidSignature, verified.invalidSolution], [true, false, false, false]);
  const changed = { ...challenge, parameters: { ...challenge.parameters, expiresAt: challenge.parameters.expiresAt + 1 } };
  assert.equal((await verifySolution({ challenge: changed, solution, deriveKey, ...secrets })).invalidSignature, true);
});

test('our solver solves their challenges, of both modes, and they find it right', { skip }, async () => {
  const { createChallenge, verifySolution, deriveKey } = await theirs();
  const secrets = { hmacSignatureSecret: 'signature.secret', hmacKeySignatureSecret: 'key.secret' };
  for (const counter of [0, 77, undefined]) {
    const challenge = await createChallenge({ algorithm: 'PBKDF2/SHA-256', cost: 20, counter, deriveKey, data: { n: 1 }, ...secrets });
    for (const subtle of [undefined, null]) {
      const payload = JSON.parse(atob(await solve(challenge, { subtle })));
      const { verified } = await verifySolution({ ...payload, deriveKey, ...secrets });
      assert.ok(verified, `${counter} ${subtle}`);
      if (counter !== undefined) assert.equal(payload.solution.counter, counter);
    }
  }
});
