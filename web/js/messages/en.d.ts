/** English: the table that all others follow, and that stands in for what they lack. */
/** @type {import('../types.d.ts').Messages} */
export declare const EN: import('../types.d.ts').Messages;
