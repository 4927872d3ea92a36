import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';

import { EN } from '../js/messages/en.js';
import { defineMessages, english, knownLocales, matchLocale, translator, translatorFor } from '../js/messages.js';
import { explain, Problem } from '../js/problem.js';
import { INITIAL } from '../js/verification.js';
import { connectionText, headline, isTroubled, reasonText, statusText } from '../js/words.js';

const others = ['de', 'fr', 'es'];
const names = (text) => [...JSON.stringify(text).matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
const table = async (locale) => (await import(`../js/messages/${locale}.js`)).MESSAGES;

test('every language says everything, with the same values in it', async () => {
  const files = readdirSync(new URL('../js/messages/', import.meta.url)).filter((name) => name.endsWith('.js'));
  assert.deepEqual(files.sort(), ['de.js', 'en.js', 'es.js', 'fr.js']);
  for (const locale of others) {
    const messages = await table(locale);
    assert.deepEqual(Object.keys(messages).sort(), Object.keys(EN).sort(), locale);
    for (const [key, text] of Object.entries(EN)) {
      assert.deepEqual(new Set(names(messages[key])), new Set(names(text)), `${locale} ${key}`);
      assert.notEqual(messages[key], '', `${locale} ${key}`);
    }
  }
});

test('each language has its own words, save for names', async () => {
  const same = /^(dir|station\.|connection\.live|note\.in|state\.)/;
  for (const locale of others) {
    const messages = await table(locale);
    const untranslated = Object.keys(EN).filter((key) => !same.test(key) && JSON.stringify(messages[key]) === JSON.stringify(EN[key]));
    assert.deepEqual(untranslated, [], locale);
  }
});

test('the best language there is', () => {
  assert.equal(matchLocale(['de-AT', 'en']), 'de');
  assert.equal(matchLocale(['xx', null, undefined, '', 'FR-ca']), 'fr');
  assert.equal(matchLocale(['xx-YY']), 'en');
  assert.equal(matchLocale([]), 'en');
});

test('a language is loaded when it is asked for', async () => {
  const t = await translatorFor(['es-MX']);
  assert.deepEqual([t.locale, t.dir, t('guesses', { count: 1 }), t('guesses', { count: 3 })], ['es', 'ltr', 'Queda un intento.', 'Quedan 3 intentos.']);
});

test('what a table lacks is English, and what nobody says is its key', () => {
  const t = translator({ send: 'Stuur' }, 'nl');
  assert.deepEqual([t('send'), t('cancel'), t('no.such')], ['Stuur', 'Cancel', 'no.such']);
  assert.equal(t('constructor'), 'constructor');
});

test('others can add a language: its plurals, its numbers, its direction', async () => {
  defineMessages('ar-EG', {
    dir: 'rtl', name: 'العربية', 'title.open': 'رمز إلى {email}',
    guesses: { zero: 'لا محاولات', one: 'محاولة واحدة', two: 'محاولتان', few: '{count} محاولات', many: '{count} محاولة', other: '{count} محاولة' },
  });
  assert.ok(knownLocales().includes('ar-eg'));
  const t = await translatorFor(['ar-EG']);
  assert.equal(t.dir, 'rtl');
  assert.equal(t('guesses', { count: 2 }), 'محاولتان');
  assert.equal(t('guesses', { count: 3 }), `${new Intl.NumberFormat('ar-EG').format(3)} محاولات`);
  assert.equal(t('title.open', { email: 'a@b' }), 'رمز إلى \u2068a@b\u2069', 'an address keeps its own direction');
});

test('a table that cannot be loaded is English', async () => {
  defineMessages('qq', {});
  assert.equal((await translatorFor(['qq']))('send'), EN.send);
});

test('every phase, reason, problem and connection is said in every language', async () => {
  const phases = ['idle', 'queued', 'sending', 'deferred', 'sent', 'failed', 'verified', 'expired', 'locked', 'canceled', 'superseded'];
  for (const locale of ['en', ...others]) {
    const t = await translatorFor([locale]);
    const texts = [
      ...phases.flatMap((phase) => [headline({ ...INITIAL, phase }, t), statusText({ ...INITIAL, phase, reason: 'busy' }, t)]),
      ...['idle', 'connecting', 'live', 'reconnecting', 'offline', 'polling', 'done', 'closed'].map((name) => connectionText({ name, failures: 0 }, 0, t)),
      reasonText('refused', t), explain(new Problem({ slug: 'incorrect-code', attemptsLeft: 4 }), t), explain(new Problem({ slug: 'x', status: 418 }), t),
    ];
    for (const text of texts) assert.doesNotMatch(text, /[{}]|undefined|null|^\w+\.\w+$/, `${locale}: ${text}`);
  }
});

test('a mail that failed says what to do: another address where that one is refused, else once more', () => {
  const failed = (reason) => statusText({ ...INITIAL, phase: 'failed', reason });
  assert.ok(failed('refused').endsWith(EN['advice.address']));
  assert.ok(failed('retries-exhausted').endsWith(EN['advice.again']));
});

test('only trouble with the connection is worth a line', () => {
  const troubled = (name, more = {}) => isTroubled({ name, failures: 0, ...more });
  assert.deepEqual(['idle', 'connecting', 'live', 'done'].map((name) => troubled(name)), [false, false, false, false]);
  assert.deepEqual(['reconnecting', 'offline', 'polling'].map((name) => troubled(name)), [true, true, true]);
  assert.deepEqual([troubled('connecting', { failures: 1 }), troubled('closed', { reason: 'stopped' }), troubled('closed', { reason: 'refused' })], [true, false, true]);
  assert.equal(english.locale, 'en');
});
