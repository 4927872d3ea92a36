/**
 * Follows one verification over a WebSocket (subprotocol `otp.v1`): hands over each event once and in order, and comes
 * back after a loss, behind the last event seen. No DOM and no imports: this file can be used alone.
 *
 * @typedef {{id: string, seq: number, event: string, at: string, data: Record<string, unknown>}} OtpEvent
 *
 * @typedef {object} ConnectionState
 * @property {'idle'|'connecting'|'live'|'reconnecting'|'offline'|'done'|'closed'} name
 * @property {number} failures losses in a row, 0 after a sign of life
 * @property {number} [retryAt] `reconnecting`, `offline`: when the next attempt starts, in ms
 * @property {'stopped'|'refused'|'gave-up'} [reason] `closed` only
 *
 * @typedef {object} Subscription
 * @property {string} url `ws:` or `wss:`
 * @property {string} id
 * @property {string} ticket goes into the first message, never into the address
 * @property {number|null} [after] resume behind this sequence number
 * @property {(event: OtpEvent) => void} onEvent
 * @property {(state: ConnectionState) => void} [onState]
 * @property {(error: {code: string}) => void} [onError] an `error` frame, for showing
 */
export type OtpEvent = {
    id: string;
    seq: number;
    event: string;
    at: string;
    data: Record<string, unknown>;
};
export type ConnectionState = {
    name: 'idle' | 'connecting' | 'live' | 'reconnecting' | 'offline' | 'done' | 'closed';
    /**
     * losses in a row, 0 after a sign of life
     */
    failures: number;
    /**
     * `reconnecting`, `offline`: when the next attempt starts, in ms
     */
    retryAt?: number;
    /**
     * `closed` only
     */
    reason?: 'stopped' | 'refused' | 'gave-up';
};
export type Subscription = {
    /**
     * `ws:` or `wss:`
     */
    url: string;
    id: string;
    /**
     * goes into the first message, never into the address
     */
    ticket: string;
    /**
     * resume behind this sequence number
     */
    after?: number | null;
    onEvent: (event: OtpEvent) => void;
    onState?: (state: ConnectionState) => void;
    /**
     * an `error` frame, for showing
     */
    onError?: (error: {
        code: string;
    }) => void;
};
export declare const PROTOCOL = "otp.v1";
/** Nothing follows these, save that a resend may follow `failed`. */
export declare const TERMINAL_EVENTS: Set<string>;
/** What a test replaces. @type {import('./types.d.ts').Environment} */
export declare const BROWSER: import('./types.d.ts').Environment;
export declare class EventsClient {
    #private;
    /** @param {Subscription} subscription @param {Partial<import('./types.d.ts').Environment>} [environment] */
    constructor(subscription: Subscription, environment?: Partial<import('./types.d.ts').Environment>);
    /** @returns {ConnectionState} */
    get state(): ConnectionState;
    /** Sequence number of the last event seen, or null. @returns {number|null} */
    get lastSeq(): number | null;
    start(): void;
    stop(): void;
    /**
     * Takes a fresh ticket, as a resend gives it. A live connection stays; one that ended starts again.
     * @param {{url?: string, ticket: string}} fresh
     */
    renew({ url, ticket }: {
        url?: string;
        ticket: string;
    }): void;
    /** Ends a pause between attempts, for when there is a reason to hope. */
    retryNow(): void;
    /** Replaces a connection that may be dead without knowing: after sleep, or when the network changed. */
    refresh(): void;
}
