/** The gateway's HTTP API. No DOM. Every method resolves to the parsed answer or throws a {@link Problem}. */
export declare class Api {
    #private;
    /** The service's clock minus ours, in ms; what counts down to the service's times adds it. */
    clockOffsetMs: number;
    /** @param {{fetch?: typeof globalThis.fetch, base?: string, key?: string, now?: () => number}} [options] `base`: the gateway's origin, else ours; `key`: the application's publishable one, none in open mode */
    constructor({ fetch, base, key, now }?: {
        fetch?: typeof globalThis.fetch;
        base?: string;
        key?: string;
        now?: () => number;
    });
    /**
     * @param {import('./types.d.ts').Wish} wish
     * @param {string} idempotencyKey the same for each repetition of the same wish
     * @returns {Promise<import('./types.d.ts').Accepted>}
     */
    request(wish: import('./types.d.ts').Wish, idempotencyKey: string): Promise<import('./types.d.ts').Accepted>;
    /** @param {string} id @param {string} code @returns {Promise<{id: string, status: string, verified_at: string, token: string}>} */
    check(id: string, code: string): Promise<{
        id: string;
        status: string;
        verified_at: string;
        token: string;
    }>;
    /** @param {string} id @returns {Promise<import('./types.d.ts').Accepted>} */
    resend(id: string): Promise<import('./types.d.ts').Accepted>;
    /** @param {string} id @param {string} ticket @returns {Promise<Record<string, unknown>>} */
    status(id: string, ticket: string): Promise<Record<string, unknown>>;
    /** @param {string} id @param {string} ticket @returns {Promise<object>} */
    cancel(id: string, ticket: string): Promise<object>;
}
/** Random enough to be met once; `randomUUID` is missing where the page is not served over TLS. */
export declare function newIdempotencyKey(): string;
