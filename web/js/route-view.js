/** The way of the code as a line with six stops. Not a live region: the element's status says what happens. */

import { make, setState, setText } from './dom.js';
import { clockTime, duration } from './format.js';
import { route, STATIONS } from './route.js';
import { headline, stepNotes } from './words.js';

function build(list) {
  list.append(...STATIONS.map((station) => make('li', { 'data-station': station, 'data-state': 'todo' },
    make('span', { class: 'hop' }, make('b', { dir: 'ltr' }), ' ', make('span')),
    make('span', { class: 'mark', 'aria-hidden': 'true' }),
    make('strong'),
    make('i', { class: 'unseen' }),
    make('time', { dir: 'ltr' }),
    make('small'))));
}

/**
 * @param {HTMLElement} list an empty `ol`, or one that this made
 * @param {import('./types.d.ts').View} view
 * @param {number} nowMs the service's time
 * @param {import('./types.d.ts').Translate} t
 */
export function showRoute(list, { verification, measured, busy }, nowMs, t) {
  if (!list.firstChild) build(list);
  const stops = route(verification, measured, busy === 'request');
  stops.forEach(({ station, state, at, hopMs }, n) => {
    const item = list.children[n];
    const [hop, , name, said, time, note] = item.children;
    const isMeasured = hopMs !== null;
    setState(item, 'data-state', state);
    item.ariaCurrent = ['active', 'deferred'].includes(state) && verification.phase !== 'idle' ? 'step' : null;
    setText(hop.firstChild, isMeasured ? duration(hopMs, t.locale) : '');
    const isWithin = station === 'jetstream' && state === 'done' && stops[1].hopMs !== null;
    setText(hop.lastChild, isMeasured || isWithin ? t(`hop.${station}`) : '');
    setText(name, t(`station.${station}`));
    setText(said, verification.phase === 'idle' ? '' : t(`state.${state}`));
    setText(time, at ? clockTime(at) : '');
    setText(note, noteText(station, state, verification, nowMs, t));
  });
}

/** What a stop does, until there is something to tell of it. */
function noteText(station, state, verification, nowMs, t) {
  const notes = stepNotes(verification, nowMs, t);
  const { attempt, reply, phase } = verification;
  if (station === 'relay') {
    if (state === 'deferred') return notes.sending;
    if (state === 'failed' && phase === 'failed') return notes.sending;
    // The relay's words keep their own direction.
    if (state === 'done' && reply) return t.dir === 'rtl' ? `\u2068${reply}\u2069` : reply;
  }
  if (state === 'failed') return headline(verification, t);
  if (station === 'mailer' && state === 'done' && attempt > 1) return t('note.try', { count: attempt });
  if (station === 'mailbox' && state === 'active') return notes.verified;
  if (station === 'mailbox' && state === 'done') return t('about.read');
  return t(`about.${station}`);
}
