/** Small texts from values. Pure: the present time is an argument. */
export declare const CODE_LENGTH: Readonly<{
    min: 4;
    max: 10;
    usual: 6;
}>;
/**
 * The digits of what was typed or pasted: "123 456", "123-456" and "Your code: 123456" are all 123456.
 * @param {string} typed
 */
export declare function normaliseCode(typed: string): string;
/** @param {number} ms what is left, e.g. "6 s" or "4:32"; begun seconds count, so that "0 s" means over */
export declare function countdown(ms: number): string;
/**
 * A measured time, e.g. "12 ms", "1.4 s" or "2:05".
 * @param {number} ms
 * @param {string} [locale]
 */
export declare function duration(ms: number, locale?: string): string;
/**
 * Local time of day with milliseconds, e.g. "16:04:05.042".
 * @param {string|null|undefined} at RFC 3339
 */
export declare function clockTime(at: string | null | undefined): string;
/**
 * The claims of a JWT, unverified: for display only.
 * @param {string} token
 * @returns {Record<string, unknown>|null}
 */
export declare function decodeClaims(token: string): Record<string, unknown> | null;
