/**
 * What is said, in the languages there are. English is always there and stands in for what another table lacks;
 * German, French and Spanish are loaded when they are asked for; others come by {@link defineMessages}. No DOM.
 */

import { EN } from './messages/en.js';

/**
 * Tables that can be had, by language. A function loads one.
 * @type {Map<string, import('./types.d.ts').Messages|(() => Promise<{MESSAGES: import('./types.d.ts').Messages}>)>}
 */
const tables = new Map();
tables.set('en', EN);
tables.set('de', () => import('./messages/de.js'));
tables.set('fr', () => import('./messages/fr.js'));
tables.set('es', () => import('./messages/es.js'));

/** Isolates what is put into a right-to-left sentence, so that an address in it keeps its own direction. */
const ISOLATE = '\u2068';
const POP_ISOLATE = '\u2069';

/**
 * Adds a language, or changes one: what the table lacks stays English.
 * @param {string} locale a language tag, e.g. `ar` or `pt-BR`
 * @param {import('./types.d.ts').Messages} table
 */
export function defineMessages(locale, table) {
  tables.set(locale.toLowerCase(), { ...table });
}

/** @returns {string[]} the languages there are */
export const knownLocales = () => [...tables.keys()];

/**
 * The best of the languages there are: `de-AT` finds `de-at`, then `de`; nothing found is English.
 * @param {readonly (string|null|undefined)[]} wanted best first
 */
export function matchLocale(wanted) {
  for (const tag of wanted) {
    for (let name = (tag ?? '').toLowerCase(); name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('-')))) {
      if (tables.has(name)) return name;
    }
  }
  return 'en';
}

/**
 * Words in the best of the languages wanted. A table that cannot be loaded is not worth a failure: English is.
 * @param {readonly (string|null|undefined)[]} wanted best first
 * @returns {Promise<import('./types.d.ts').Translate>}
 */
export async function translatorFor(wanted) {
  const locale = matchLocale(wanted);
  const known = tables.get(locale);
  if (typeof known !== 'function') return translator(known, locale);
  try {
    const { MESSAGES } = await known();
    tables.set(locale, MESSAGES);
    return translator(MESSAGES, locale);
  } catch {
    return english;
  }
}

/**
 * @param {import('./types.d.ts').Messages} table
 * @param {string} locale for plurals and numbers
 * @returns {import('./types.d.ts').Translate}
 */
export function translator(table, locale) {
  const plurals = new Intl.PluralRules(locale);
  const numbers = new Intl.NumberFormat(locale);
  const isRtl = table.dir === 'rtl';
  const put = (value) => {
    if (typeof value === 'number') return numbers.format(value);
    return isRtl ? ISOLATE + value + POP_ISOLATE : String(value);
  };
  const translate = (key, values = {}) => {
    const entry = pick(table, key) ?? pick(EN, key) ?? key;
    const text = typeof entry === 'string' ? entry : (entry[plurals.select(Number(values.count))] ?? entry.other);
    return text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? put(values[name]) : whole));
  };
  return Object.assign(translate, { locale, dir: /** @type {'rtl'|'ltr'} */ (isRtl ? 'rtl' : 'ltr') });
}

const pick = (table, key) => (Object.hasOwn(table, key) ? table[key] : undefined);

export const english = translator(EN, 'en');
