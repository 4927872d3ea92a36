/** The parts of the page that only show: steps, log, proof. */

import { clockTime, decodeClaims } from './format.js';
import { STEPS, stepStates } from './verification.js';
import { stepNotes } from './words.js';

/** For those who do not see the marks. */
const STATE_WORDS = { todo: 'to come', active: 'now', done: 'done', deferred: 'waiting', failed: 'stopped' };

export const element = (id) => document.getElementById(id);

/** Writes only what changed, so that nothing is read out twice. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function showSteps(verification, nowMs) {
  const states = stepStates(verification);
  const notes = stepNotes(verification, nowMs);
  for (const step of STEPS) {
    const item = document.querySelector(`#stepper [data-step=${step}]`);
    const at = verification.times[step];
    item.dataset.state = states[step];
    item.ariaCurrent = ['active', 'deferred'].includes(states[step]) ? 'step' : null;
    setText(item.querySelector('i'), STATE_WORDS[states[step]]);
    setText(item.querySelector('time'), at ? clockTime(at) : '');
    setText(item.querySelector('small'), notes[step]);
  }
}

/** Lines are added at the end and dropped at the front, as in the timeline. */
export function showLog({ timeline }) {
  const log = element('log');
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  const first = timeline[0]?.n ?? Infinity;
  while (log.firstChild && log.firstChild.dataset.n < first) log.firstChild.remove();
  const last = Number(log.lastChild?.dataset.n ?? -1);
  log.append(...timeline.filter(({ n }) => n > last).map(logLine));
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function logLine({ n, kind, seq, event, at, data }) {
  const line = make('li');
  Object.assign(line.dataset, { n, kind, event, seq: seq ?? '' });
  const json = Object.keys(data).length > 0 ? JSON.stringify(data) : '';
  line.append(make('time', clockTime(at)), make('span', seq === null ? '·' : `#${seq}`), make('b', event), make('code', json));
  return line;
}

export function showProof({ phase, token, times }) {
  if (phase !== 'verified') return;
  const at = times.verified ?? new Date().toISOString();
  setText(element('stamp-date'), at.slice(0, 10));
  setText(element('stamp-time'), `${at.slice(11, 19)}Z`);
  element('proof').hidden = token === null;
  setText(element('proof-note'), token === null
    ? 'The code was entered elsewhere, and the proof was given there.'
    : 'The service signed this. Anyone can check it with the public keys.');
  if (token === null || element('token').textContent === token) return;
  setText(element('token'), token);
  const claims = Object.entries(decodeClaims(token) ?? {});
  element('claims').replaceChildren(...claims.flatMap(([name, value]) => [make('dt', name), make('dd', claimText(name, value))]));
}

function claimText(name, value) {
  if (['iat', 'exp'].includes(name) && Number.isFinite(value)) return new Date(value * 1000).toLocaleString();
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function make(tag, text = '') {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
