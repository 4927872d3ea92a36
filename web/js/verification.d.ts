/**
 * What is known about one verification: a pure reducer from events and answers to state. No DOM, no I/O, no clock.
 * Events count in the order of their sequence numbers; clocks of different machines are never compared.
 */
export declare const STEPS: string[];
/** @type {Readonly<import('./types.d.ts').Verification>} */
export declare const INITIAL: Readonly<import('./types.d.ts').Verification>;
/** @type {(state: typeof INITIAL, action: import('./types.d.ts').Action) => typeof INITIAL} */
export declare const reduce: (state: typeof INITIAL, action: import('./types.d.ts').Action) => typeof INITIAL;
/** Whether nothing more can come of it. `failed` is not over: a resend starts another mail with the same code. */
export declare function isOver({ phase }: {
    phase: any;
}): boolean;
/** Whether a code may be typed: from the start, since a mail may be faster than its event. */
export declare function takesCode(state: any): any;
/** @returns {Record<import('./types.d.ts').Step, import('./types.d.ts').StepState>} */
export declare function stepStates({ phase, reached }: {
    phase: any;
    reached: any;
}): Record<import('./types.d.ts').Step, import('./types.d.ts').StepState>;
export declare const KNOWN_EVENTS: string[];
