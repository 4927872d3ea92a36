/** Problem documents (RFC 9457) in words. No DOM. */

/** A request that was not granted. */
export class Problem extends Error {
  /** @param {import('./types.d.ts').ProblemFields} fields */
  constructor({ slug, status = 0, title = null, detail = null, attemptsLeft = null, retryAfterMs = null }) {
    super(slug);
    Object.assign(this, { name: 'Problem', slug, status, title, detail, attemptsLeft, retryAfterMs });
  }
}

const WORDS = {
  'invalid-email': 'That is not an e-mail address we can write to. Check the spelling.',
  'undeliverable-domain': 'No mail can be delivered to that domain. Check the part after the @.',
  'rate-limited': 'Too many requests for now. Please wait a moment.',
  unavailable: 'The service cannot take this right now. Please try again.',
  'incorrect-code': 'That code is not right.',
  'attempts-exhausted': 'Too many wrong codes. This verification is locked.',
  expired: 'The code has expired.',
  'already-used': 'This code has been used already.',
  canceled: 'This verification was canceled.',
  superseded: 'A newer request has replaced this one.',
  'not-found': 'The service does not know this verification.',
  network: 'No connection to the service. Check your network and try again.',
  timeout: 'The service did not answer in time. Please try again.',
};

/** @param {Problem} problem */
export function explain(problem) {
  const words = Object.hasOwn(WORDS, problem.slug) ? WORDS[problem.slug] : fallback(problem);
  return problem.slug === 'incorrect-code' ? `${words} ${guessesLeft(problem.attemptsLeft)}`.trim() : words;
}

/** @param {number|null} attemptsLeft */
export function guessesLeft(attemptsLeft) {
  if (attemptsLeft === null) return '';
  return attemptsLeft === 1 ? 'One try left.' : `${attemptsLeft} tries left.`;
}

/** Whether the request may have been granted, or may be, without our knowing: status 0 is no answer at all. */
export function isUndecided({ status }) {
  return status === 0 || status === 409 || status >= 500;
}

/**
 * `/problems/rate-limited`, `urn:otp:rate-limited` and `rate-limited` are all the same.
 * @param {unknown} type
 */
export function problemSlug(type) {
  if (typeof type !== 'string') return 'unknown';
  return type.replace(/\/+$/, '').split(/[/:#]/).pop() || 'unknown';
}

/**
 * @param {number} status
 * @param {unknown} body the parsed body, or null where it was no JSON
 * @param {string|null} retryAfter the header
 * @param {number} nowMs
 */
export function problemFrom(status, body, retryAfter, nowMs) {
  const document = typeof body === 'object' && body !== null ? body : {};
  const text = (name) => (typeof document[name] === 'string' ? document[name] : null);
  const left = document.attempts_left;
  return new Problem({
    slug: document.type === undefined ? slugOfStatus(status) : problemSlug(document.type),
    status,
    title: text('title'),
    detail: text('detail'),
    attemptsLeft: Number.isSafeInteger(left) ? left : null,
    retryAfterMs: parseRetryAfter(retryAfter, nowMs),
  });
}

/**
 * Seconds or a date (RFC 9110 §10.2.3); more than a day is taken for a day.
 * @param {string|null} header
 * @param {number} nowMs
 */
export function parseRetryAfter(header, nowMs) {
  if (header === null || header.trim() === '') return null;
  const seconds = Number(header);
  const waitMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(waitMs, 0), 86_400_000);
}

/** A proxy in between answers without a problem document. */
function slugOfStatus(status) {
  if (status === 429) return 'rate-limited';
  if (status === 404) return 'not-found';
  return [502, 503, 504].includes(status) ? 'unavailable' : 'unknown';
}

function fallback({ title, detail, status }) {
  return [title, detail].filter(Boolean).join(': ') || `The service answered with ${status}.`;
}
