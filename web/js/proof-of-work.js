/**
 * Solves challenges of the ALTCHA protocol, version 2, with `PBKDF2/SHA-256`: tries numbers from zero until the key that
 * is derived from one begins as it should. No DOM; runs in a worker and, in slices, in a page.
 */

import { pbkdf2 } from './pbkdf2.js';

const ALGORITHM = 'PBKDF2/SHA-256';
const KEY_BYTES = 32;
/** Keys that are derived at once where the browser does it: it spreads them over its own threads. */
const AT_ONCE = 16;
/** Others have their turn after so long. */
const SLICE_MS = 12;
/** Whoever has not found it by then has no time left for a verification either. */
const GIVE_UP_MS = 120_000;

/**
 * @param {import('./types.d.ts').Challenge} challenge
 * @param {{signal?: AbortSignal, subtle?: SubtleCrypto|null}} [options] `subtle`: null where keys are derived in JavaScript
 * @returns {Promise<string>} what a request carries as `altcha`
 * @throws {DOMException} `AbortError` when the signal said so, `TimeoutError` after two minutes, `NotSupportedError` for another algorithm
 */
export async function solve(challenge, { signal, subtle = globalThis.crypto?.subtle ?? null } = {}) {
  const { algorithm, cost, keyLength, keyPrefix, nonce, salt } = challenge.parameters;
  if (algorithm !== ALGORITHM || keyLength !== KEY_BYTES) throw new DOMException(algorithm, 'NotSupportedError');
  const derive = subtle ? nativeKeys(subtle, bytesOf(nonce), bytesOf(salt), cost) : ownKeys(bytesOf(nonce), bytesOf(salt), cost);
  const beganAt = performance.now();
  let turnAt = beganAt;
  for (let counter = 0; ; counter += AT_ONCE) {
    const keys = (await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => derive(counter + n)))).map(hexOf);
    const found = keys.findIndex((key) => key.startsWith(keyPrefix));
    const now = performance.now();
    if (found >= 0) {
      const solution = { counter: counter + found, derivedKey: keys[found], time: Math.round(now - beganAt) };
      return btoa(JSON.stringify({ challenge: { parameters: challenge.parameters, signature: challenge.signature }, solution }));
    }
    if (now - beganAt > GIVE_UP_MS) throw new DOMException('', 'TimeoutError');
    if (now - turnAt > SLICE_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      turnAt = performance.now();
    }
    if (signal?.aborted) throw new DOMException('', 'AbortError');
  }
}

/** Nonce and number, four bytes, big endian. */
function passwordFor(nonce, counter) {
  const password = new Uint8Array(nonce.length + 4);
  password.set(nonce);
  new DataView(password.buffer).setUint32(nonce.length, counter);
  return password;
}

const nativeKeys = (subtle, nonce, salt, iterations) => async (counter) => {
  const password = await subtle.importKey('raw', passwordFor(nonce, counter), 'PBKDF2', false, ['deriveBits']);
  const bits = await subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations }, password, KEY_BYTES * 8);
  return new Uint8Array(bits);
};

const ownKeys = (nonce, salt, rounds) => (counter) => pbkdf2(passwordFor(nonce, counter), salt, rounds);

const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
