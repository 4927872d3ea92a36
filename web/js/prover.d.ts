/**
 * Has a challenge solved without holding up the page: in a worker where this file is the page's own. A page of another
 * origin may not start our worker, and a strict policy forbids what would get around that; there the browser derives the
 * keys beside the page anyway, and where it does not, they are derived in slices.
 */
/**
 * @param {import('./types.d.ts').Challenge} challenge
 * @param {AbortSignal} signal
 * @returns {Promise<string>} what a request carries as `altcha`
 */
export declare function prove(challenge: import('./types.d.ts').Challenge, signal: AbortSignal): Promise<string>;
