/**
 * Solves challenges of the ALTCHA protocol, version 2, with `PBKDF2/SHA-256`: tries numbers from zero until the key that
 * is derived from one begins as it should. No DOM; runs in a worker and, in slices, in a page.
 */
/**
 * @param {import('./types.d.ts').Challenge} challenge
 * @param {{signal?: AbortSignal, subtle?: SubtleCrypto|null}} [options] `subtle`: null where keys are derived in JavaScript
 * @returns {Promise<string>} what a request carries as `altcha`
 * @throws {DOMException} `AbortError` when the signal said so, `TimeoutError` after two minutes, `NotSupportedError` for another algorithm
 */
export declare function solve(challenge: import('./types.d.ts').Challenge, { signal, subtle }?: {
    signal?: AbortSignal;
    subtle?: SubtleCrypto | null;
}): Promise<string>;
