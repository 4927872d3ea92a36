/**
 * PBKDF2 (RFC 8018 §5.2) with HMAC-SHA256 for one block of 32 bytes, for where `crypto.subtle` is not: a page that is not
 * served over TLS. No DOM.
 */

/** The first 32 bits behind the point of the roots of the first primes (FIPS 180-4 §4.2.2, §5.3.3). */
const PRIMES = Array.from({ length: 312 }, (_, n) => n).filter((n) => n > 1 && !Array.from({ length: n - 2 }, (_, k) => k + 2).some((k) => n % k === 0));
const fractions = (root, count) => Int32Array.from(PRIMES.slice(0, count), (prime) => ((root(prime) % 1) * 2 ** 32) >>> 0);
const K = fractions(Math.cbrt, 64);
const START = fractions(Math.sqrt, 8);
/** Bytes of a block, and words. */
const BLOCK = 64;
const WORDS = 16;

const w = new Int32Array(64);

/** Takes one block of 16 words into the eight words of `state`. */
function compress(state, block) {
  for (let i = 0; i < WORDS; i += 1) w[i] = block[i];
  for (let i = 16; i < 64; i += 1) {
    const x = w[i - 15];
    const y = w[i - 2];
    const small = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const great = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + w[i - 7] + small + great) | 0;
  }
  // One by one: taking an array apart at once goes through an iterator, and a key took three times as long.
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let i = 0; i < 64; i += 1) {
    const up = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + up + ((g ^ (e & (f ^ g))) + K[i]) + w[i]) | 0;
    const down = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (down + ((a & b) ^ (c & (a ^ b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

/** Words of bytes, padded as the end of a message that has `before` bytes in front of them. Fits one block. */
function lastBlock(bytes, before) {
  const view = new DataView(new ArrayBuffer(BLOCK));
  bytes.forEach((byte, at) => view.setUint8(at, byte));
  view.setUint8(bytes.length, 0x80);
  view.setUint32(BLOCK - 4, (before + bytes.length) * 8);
  return Int32Array.from({ length: WORDS }, (_, n) => view.getInt32(n * 4));
}

/** The state of a hash after the key's first block. */
function keyed(key, mask) {
  const state = START.slice();
  const block = new Uint8Array(BLOCK).fill(mask);
  key.forEach((byte, at) => { block[at] ^= byte; });
  const view = new DataView(block.buffer);
  compress(state, Int32Array.from({ length: WORDS }, (_, n) => view.getInt32(n * 4)));
  return state;
}

/**
 * @param {Uint8Array} password up to 64 bytes
 * @param {Uint8Array} salt up to 51 bytes
 * @param {number} rounds
 * @returns {Uint8Array} 32 bytes
 */
export function pbkdf2(password, salt, rounds) {
  const inner = keyed(password, 0x36);
  const outer = keyed(password, 0x5c);
  const state = new Int32Array(8);
  // Behind the eight words of a hash: the end of a message of a block and a hash.
  const hash = lastBlock(new Uint8Array(32), BLOCK);
  const sum = new Int32Array(8);
  let block = lastBlock(Uint8Array.of(...salt, 0, 0, 0, 1), BLOCK);
  for (let round = 0; round < rounds; round += 1) {
    state.set(inner);
    compress(state, block);
    hash.set(state);
    state.set(outer);
    compress(state, hash);
    for (let i = 0; i < 8; i += 1) sum[i] ^= state[i];
    hash.set(state);
    block = hash;
  }
  const key = new DataView(new ArrayBuffer(32));
  sum.forEach((word, n) => key.setInt32(n * 4, word));
  return new Uint8Array(key.buffer);
}
