/** What is said about a verification and its connection. Pure: the language comes as a {@link Translate}. */
export type Translate = import('./types.d.ts').Translate;
export declare const KNOWN_REASONS: string[];
/**
 * @param {string|null} reason a name of the contract, or one that this version does not know, shown as it is
 * @param {Translate} [t]
 */
export declare function reasonText(reason: string | null, t?: Translate): string;
/** @param {import('./types.d.ts').Verification} state @param {Translate} [t] */
export declare function headline({ phase, email }: import('./types.d.ts').Verification, t?: Translate): string;
/**
 * One sentence for people who cannot see the steps; changes only when something happened.
 * @param {import('./types.d.ts').Verification} state
 * @param {Translate} [t]
 */
export declare function statusText({ phase, email, reason }: import('./types.d.ts').Verification, t?: Translate): string;
/**
 * The small print under each step; may tick.
 * @param {import('./types.d.ts').Verification} state
 * @param {number} nowMs the service's time
 * @param {Translate} [t]
 */
export declare function stepNotes(state: import('./types.d.ts').Verification, nowMs: number, t?: Translate): {
    queued: string;
    sending: any;
    sent: string;
    verified: any;
};
/** When the next try is, where the reason was told already. */
export declare function nextTry({ phase, nextAttemptAtMs }: {
    nextAttemptAtMs: any;
    phase: any;
}, nowMs: any, t?: import("./types.d.ts").Translate): string;
/**
 * @param {import('./types.d.ts').View['connection']} connection
 * @param {number} nowMs our own time
 * @param {Translate} [t]
 */
export declare function connectionText({ name, retryAt, reason }: import('./types.d.ts').View['connection'], nowMs: number, t?: Translate): string;
/** Connections that a person should hear of: the others go without saying. */
export declare function isTroubled({ name, failures, reason }: {
    failures: any;
    name: any;
    reason: any;
}): boolean;
