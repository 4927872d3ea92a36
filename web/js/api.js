/** The gateway's HTTP API. No DOM. Every method resolves to the parsed answer or throws a {@link Problem}. */

import { Problem, problemFrom } from './problem.js';

/** The gateway itself gives up after three seconds; the rest is for the way. */
const TIMEOUT_MS = 15_000;
/** The Date header has whole seconds: a smaller difference says nothing. */
const CLOCK_NOISE_MS = 2_000;

export class Api {
  #fetch;
  #base;
  #key;
  #now;
  /** The service's clock minus ours, in ms; what counts down to the service's times adds it. */
  clockOffsetMs = 0;

  /** @param {{fetch?: typeof globalThis.fetch, base?: string, key?: string, now?: () => number}} [options] `base`: the gateway's origin, else ours; `key`: the application's publishable one, none in open mode */
  constructor({ fetch = (resource, options) => globalThis.fetch(resource, options), base = '', key = '', now = () => Date.now() } = {}) {
    this.#fetch = fetch;
    this.#base = base;
    this.#key = key;
    this.#now = now;
  }

  /**
   * @param {import('./types.d.ts').Wish} wish
   * @param {string} idempotencyKey the same for each repetition of the same wish
   * @returns {Promise<import('./types.d.ts').Accepted>}
   */
  request(wish, idempotencyKey) {
    // The header is a structured string (RFC 9651), hence the quotes.
    const headers = { 'Idempotency-Key': `"${idempotencyKey}"`, ...(this.#key ? bearer(this.#key) : {}) };
    return this.#call('POST', '', { body: wish, headers });
  }

  /** @param {string} id @param {string} code @returns {Promise<{id: string, status: string, verified_at: string, token: string}>} */
  check(id, code) {
    return this.#call('POST', `/${encodeURIComponent(id)}/check`, { body: { code } });
  }

  /** @param {string} id @returns {Promise<import('./types.d.ts').Accepted>} */
  resend(id) {
    return this.#call('POST', `/${encodeURIComponent(id)}/resend`, {});
  }

  /** @param {string} id @param {string} ticket @returns {Promise<Record<string, unknown>>} */
  status(id, ticket) {
    return this.#call('GET', `/${encodeURIComponent(id)}`, { headers: bearer(ticket) });
  }

  /** @param {string} id @param {string} ticket @returns {Promise<object>} */
  cancel(id, ticket) {
    return this.#call('DELETE', `/${encodeURIComponent(id)}`, { headers: bearer(ticket) });
  }

  /** @param {string} method @param {string} path @param {{body?: object, headers?: Record<string, string>}} content */
  async #call(method, path, { body, headers = {} }) {
    try {
      const response = await this.#fetch(`${this.#base}/v1/verifications${path}`, {
        method,
        headers: { Accept: 'application/json', ...(body ? { 'Content-Type': 'application/json' } : {}), ...headers },
        body: body ? JSON.stringify(body) : undefined,
        cache: 'no-store',
        credentials: 'omit',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      this.#learnClock(response.headers.get('date'));
      const answer = await response.json().catch(() => null);
      if (!response.ok) throw problemFrom(response.status, answer, response.headers.get('retry-after'), this.#now());
      // 204 has no body; every other success has one.
      if (answer === null && response.status !== 204) throw new Problem({ slug: 'unknown', status: response.status });
      return answer ?? {};
    } catch (error) {
      if (error instanceof Problem) throw error;
      throw new Problem({ slug: error.name === 'TimeoutError' ? 'timeout' : 'network' });
    }
  }

  #learnClock(date) {
    const theirs = Date.parse(date ?? '');
    if (Number.isNaN(theirs)) return;
    // On average half a second was cut off.
    const offsetMs = theirs + 500 - this.#now();
    this.clockOffsetMs = Math.abs(offsetMs) < CLOCK_NOISE_MS ? 0 : offsetMs;
  }
}

const bearer = (proof) => ({ Authorization: `Bearer ${proof}` });

/** Random enough to be met once; `randomUUID` is missing where the page is not served over TLS. */
export function newIdempotencyKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
