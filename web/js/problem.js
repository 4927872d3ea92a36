/** Problem documents (RFC 9457) in words. No DOM. */

import { EN } from './messages/en.js';
import { english } from './messages.js';

/** A request that was not granted. */
export class Problem extends Error {
  /** The last segment of `type`, or `network` or `timeout` where there was no answer. @type {string} */
  slug;
  /** 0 where there was no answer. @type {number} */
  status;
  /** @type {string|null} */
  title;
  /** @type {string|null} */
  detail;
  /** @type {number|null} */
  attemptsLeft;
  /** @type {number|null} */
  retryAfterMs;
  /** What has to be solved before the same request is granted. @type {import('./types.d.ts').Challenge|null} */
  challenge;
  /** The limits that refuse. @type {string[]} */
  policies;

  /** @param {import('./types.d.ts').ProblemFields} fields */
  constructor({ slug, status = 0, title = null, detail = null, attemptsLeft = null, retryAfterMs = null, challenge = null, policies = [] }) {
    super(slug);
    Object.assign(this, { name: 'Problem', slug, status, title, detail, attemptsLeft, retryAfterMs, challenge, policies });
  }
}

const KEY = 'problem.';

/** @param {Problem} problem @param {import('./types.d.ts').Translate} [t] */
export function explain(problem, t = english) {
  const key = (problem.slug === 'rate-limited' && limitWords(problem.policies)) || KEY + problem.slug;
  const words = Object.hasOwn(EN, key) ? t(key) : fallback(problem, t);
  return problem.slug === 'incorrect-code' ? `${words} ${guessesLeft(problem.attemptsLeft, t)}`.trim() : words;
}

/**
 * Limits by the beginning of their names, those first that say most to a person.
 * @type {[string, string][]}
 */
const LIMITS = [
  ['guesses', 'limit.guesses'],
  ['recipient', 'limit.recipient'],
  ['cooldown', 'limit.cooldown'],
  ['ip', 'limit.network'],
  ['flood', 'limit.network'],
  ['domain', 'limit.service'],
  ['app', 'limit.service'],
  ['daily-budget', 'limit.service'],
];

/** Which words say what was too much. @param {string[]} policies */
function limitWords(policies) {
  const isIt = (name) => (policy) => policy === name || policy.startsWith(`${name}-`);
  return LIMITS.find(([name]) => policies.some(isIt(name)))?.[1];
}

/** @param {number|null} attemptsLeft @param {import('./types.d.ts').Translate} [t] */
export function guessesLeft(attemptsLeft, t = english) {
  return attemptsLeft === null ? '' : t('guesses', { count: attemptsLeft });
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
  /** @type {Record<string, unknown>} */
  const document = typeof body === 'object' && body !== null ? /** @type {Record<string, unknown>} */ (body) : {};
  const text = (name) => (typeof document[name] === 'string' ? document[name] : null);
  const left = document.attempts_left;
  const challenge = /** @type {import('./types.d.ts').Challenge|undefined} */ (document.challenge);
  return new Problem({
    slug: document.type === undefined ? slugOfStatus(status) : problemSlug(document.type),
    status,
    title: text('title'),
    detail: text('detail'),
    attemptsLeft: typeof left === 'number' && Number.isSafeInteger(left) ? left : null,
    retryAfterMs: parseRetryAfter(retryAfter, nowMs),
    challenge: challenge?.parameters ? challenge : null,
    policies: texts(document['violated-policies']),
  });
}

/** @param {unknown} value @returns {string[]} */
function texts(value) {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
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

function fallback({ title, detail, status }, t) {
  return [title, detail].filter(Boolean).join(': ') || t('problem.other', { status: String(status) });
}
