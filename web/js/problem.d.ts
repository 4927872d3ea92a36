/** Problem documents (RFC 9457) in words. No DOM. */
/** A request that was not granted. */
export declare class Problem extends Error {
    /** The last segment of `type`, or `network` or `timeout` where there was no answer. @type {string} */
    slug: string;
    /** 0 where there was no answer. @type {number} */
    status: number;
    /** @type {string|null} */
    title: string | null;
    /** @type {string|null} */
    detail: string | null;
    /** @type {number|null} */
    attemptsLeft: number | null;
    /** @type {number|null} */
    retryAfterMs: number | null;
    /** What has to be solved before the same request is granted. @type {import('./types.d.ts').Challenge|null} */
    challenge: import('./types.d.ts').Challenge | null;
    /** The limits that refuse. @type {string[]} */
    policies: string[];
    /** @param {import('./types.d.ts').ProblemFields} fields */
    constructor({ slug, status, title, detail, attemptsLeft, retryAfterMs, challenge, policies }: import('./types.d.ts').ProblemFields);
}
/** @param {Problem} problem @param {import('./types.d.ts').Translate} [t] */
export declare function explain(problem: Problem, t?: import('./types.d.ts').Translate): any;
/** @param {number|null} attemptsLeft @param {import('./types.d.ts').Translate} [t] */
export declare function guessesLeft(attemptsLeft: number | null, t?: import('./types.d.ts').Translate): string;
/** Whether the request may have been granted, or may be, without our knowing: status 0 is no answer at all. */
export declare function isUndecided({ status }: {
    status: any;
}): boolean;
/**
 * `/problems/rate-limited`, `urn:otp:rate-limited` and `rate-limited` are all the same.
 * @param {unknown} type
 */
export declare function problemSlug(type: unknown): string;
/**
 * @param {number} status
 * @param {unknown} body the parsed body, or null where it was no JSON
 * @param {string|null} retryAfter the header
 * @param {number} nowMs
 */
export declare function problemFrom(status: number, body: unknown, retryAfter: string | null, nowMs: number): Problem;
/**
 * Seconds or a date (RFC 9110 §10.2.3); more than a day is taken for a day.
 * @param {string|null} header
 * @param {number} nowMs
 */
export declare function parseRetryAfter(header: string | null, nowMs: number): number;
