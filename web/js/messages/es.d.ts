/** Español. */
/** @type {import('../types.d.ts').Messages} */
export declare const MESSAGES: import('../types.d.ts').Messages;
