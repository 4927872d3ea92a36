/** The page around `<otp-verify>`: the way of the code, the proof, the developer view, the language. */

import './otp-verify.js';
import { showCode, showHand, showLog } from './developer.js';
import { make, setState, setText } from './dom.js';
import { clockTime, decodeClaims } from './format.js';
import { knownLocales } from './messages.js';
import { showRoute } from './route-view.js';
import { connectionText } from './words.js';

/** How often countdowns are looked at. */
const TICK_MS = 250;
/** The languages' own names, so that each is found by who reads it. */
const NAMES = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español' };

const element = (id) => document.getElementById(id);
const verify = element('verify');
const language = element('language');

function show() {
  const { view } = verify;
  if (!view) return;
  const t = verify.words;
  const { verification, connection } = view;
  setState(element('connection'), 'data-state', connection.name);
  element('verified').hidden = verification.phase !== 'verified';
  showProof(verification, t);
  showLog(element('log'), verification);
  element('log-none').hidden = verification.timeline.length > 0;
  showHand(element('by-hand'), view, t);
  tick();
}

/** Everything that changes with the time alone. */
function tick() {
  const { view, words: t } = verify;
  if (!view) return;
  setText(element('connection-text'), connectionText(view.connection, Date.now(), t));
  showRoute(element('route'), view, verify.serverNow, t);
  const { sentMs } = view.measured;
  element('total').hidden = sentMs === null;
  element('route-idle').hidden = view.verification.phase !== 'idle';
  setText(element('total-time'), sentMs === null ? '' : `${sentMs} ms`);
}

function showProof({ phase, token, times }, t) {
  if (phase !== 'verified') return;
  const at = times.verified ?? new Date(verify.serverNow).toISOString();
  setText(element('stamp-date'), at.slice(0, 10));
  setText(element('stamp-time'), `${at.slice(11, 19)}Z`);
  element('proof').hidden = token === null;
  setText(element('proof-note'), t(token === null ? 'proof.elsewhere' : 'proof.note'));
  if (token === null || element('token').textContent === token) return;
  setText(element('token'), token);
  const claims = Object.entries(decodeClaims(token) ?? {});
  element('claims').replaceChildren(...claims.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, claimText(name, value))]));
}

function claimText(name, value) {
  if (['iat', 'exp'].includes(name) && Number.isFinite(value)) return `${value} (${clockTime(new Date(value * 1000).toISOString()).slice(0, 8)})`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The words of the page follow those of the element. */
function speak() {
  const t = verify.words;
  Object.assign(document.documentElement, { lang: t.locale, dir: t.dir });
  document.title = `${t('page.title')} – DistOTP`;
  for (const item of document.querySelectorAll('[data-t]')) setText(item, t(item.dataset.t));
  if (![...language.options].some(({ value }) => value === t.locale)) language.append(make('option', { value: t.locale, lang: t.locale }, t('name')));
  language.value = t.locale;
  setText(element('copied'), '');
  showCode(element('in-code'), t);
  show();
}

async function copy(text, said, fallback) {
  const t = verify.words;
  try {
    await navigator.clipboard.writeText(text);
    setText(said, t('copied'));
  } catch {
    // No clipboard without TLS: the text is selected, ready for the keyboard.
    getSelection()?.selectAllChildren(fallback);
    setText(said, t('copy.selected'));
  }
}

element('copy').addEventListener('click', () => copy(element('token').textContent, element('copied'), element('token')));
element('developer').addEventListener('click', ({ target }) => {
  const listing = target.closest('button')?.closest('figure');
  if (listing) copy(listing.querySelector('code').textContent, listing.querySelector('[role=status]'), listing.querySelector('code'));
});

language.append(...knownLocales().map((tag) => make('option', { value: tag, lang: tag }, NAMES[tag] ?? tag)));
language.addEventListener('change', () => {
  const address = new URL(location.href);
  address.searchParams.set('lang', language.value);
  history.replaceState(null, '', address);
  verify.locale = language.value;
});
const asked = new URLSearchParams(location.search).get('lang');
verify.addEventListener('otp-locale', speak);
verify.addEventListener('otp-change', show);
// The page is English until it knows better: what stands around the element says nothing about the person.
verify.locale = asked ?? navigator.languages?.[0] ?? 'en';
setInterval(tick, TICK_MS);
speak();
