/** Parts of the page that only show: steps, log, proof. */

import { claimText, clockTime, decodeClaims } from './format.js';
import { STEPS, stepStates } from './verification.js';
import { stepNotes } from './words.js';

/** For those who do not see the marks. */
const STATE_WORDS = { todo: 'to come', active: 'now', done: 'done', deferred: 'waiting', failed: 'stopped' };

const element = (id) => document.getElementById(id);

function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function showSteps(verification, nowMs) {
  const states = stepStates(verification);
  const notes = stepNotes(verification, nowMs);
  for (const step of STEPS) {
    const item = document.querySelector(`#stepper [data-step="${step}"]`);
    const at = verification.times[step];
    item.dataset.state = states[step];
    item.toggleAttribute('aria-current', false);
    if (states[step] === 'active' || states[step] === 'deferred') item.setAttribute('aria-current', 'step');
    setText(item.querySelector('i'), STATE_WORDS[states[step]]);
    setText(item.querySelector('time'), at ? clockTime(at) : '');
    setText(item.querySelector('small'), notes[step]);
  }
}

/** Lines are added at the end and dropped at the front, as the timeline does. */
export function showLog({ timeline }) {
  const log = element('log');
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  const first = timeline[0]?.n ?? Infinity;
  while (log.firstChild && !(Number(log.firstChild.dataset.n) >= first)) log.firstChild.remove();
  const last = Number(log.lastChild?.dataset.n ?? -1);
  for (const entry of timeline) if (entry.n > last) log.append(logLine(entry));
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function logLine({ n, kind, seq, event, at, data }) {
  const line = document.createElement('li');
  Object.assign(line.dataset, { n, kind, event, seq: seq ?? '' });
  const part = (tag, text) => {
    const child = document.createElement(tag);
    child.textContent = text;
    return child;
  };
  const json = Object.keys(data).length > 0 ? JSON.stringify(data) : '';
  line.append(
    part('time', clockTime(at)), ' ', part('span', seq === null ? '' : `#${seq}`), ' ',
    part('b', event), ' ', part('code', json),
  );
  return line;
}

export function showProof({ phase, token, times }) {
  if (phase !== 'verified') return;
  const date = new Date(times.verified ?? Date.now());
  setText(element('stamp-date'), date.toLocaleDateString('en-CA'));
  setText(element('stamp-time'), clockTime(date.toISOString()).slice(0, 8));
  element('proof').hidden = token === null;
  setText(element('proof-note'), token === null
    ? 'The code was entered elsewhere, and the proof was given there.'
    : 'The service signed this. Whoever needs to know can check it with the public keys.');
  if (token === null || element('token').textContent === token) return;
  setText(element('token'), token);
  const claims = Object.entries(decodeClaims(token) ?? {});
  element('claims').replaceChildren(...claims.flatMap(([name, value]) => {
    const [term, text] = [document.createElement('dt'), document.createElement('dd')];
    term.textContent = name;
    text.textContent = claimText(name, value);
    return [term, text];
  }));
}
