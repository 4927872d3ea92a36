/**
 * What is said, in the languages there are. English is always there and stands in for what another table lacks;
 * German, French and Spanish are loaded when they are asked for; others come by {@link defineMessages}. No DOM.
 */
/**
 * Adds a language, or changes one: what the table lacks stays English.
 * @param {string} locale a language tag, e.g. `ar` or `pt-BR`
 * @param {import('./types.d.ts').Messages} table
 */
export declare function defineMessages(locale: string, table: import('./types.d.ts').Messages): void;
/** @returns {string[]} the languages there are */
export declare const knownLocales: () => string[];
/**
 * The best of the languages there are: `de-AT` finds `de-at`, then `de`; nothing found is English.
 * @param {readonly (string|null|undefined)[]} wanted best first
 */
export declare function matchLocale(wanted: readonly (string | null | undefined)[]): string;
/**
 * Words in the best of the languages wanted. A table that cannot be loaded is not worth a failure: English is.
 * @param {readonly (string|null|undefined)[]} wanted best first
 * @returns {Promise<import('./types.d.ts').Translate>}
 */
export declare function translatorFor(wanted: readonly (string | null | undefined)[]): Promise<import('./types.d.ts').Translate>;
/**
 * @param {import('./types.d.ts').Messages} table
 * @param {string} locale for plurals and numbers
 * @returns {import('./types.d.ts').Translate}
 */
export declare function translator(table: import('./types.d.ts').Messages, locale: string): import('./types.d.ts').Translate;
export declare const english: import("./types.d.ts").Translate;
