/**
 * One verification from request to proof: calls the API, follows the events, falls back to asking. No DOM: `onChange`
 * gets a view to show.
 */

import { newIdempotencyKey } from './api.js';
import { isUndecided } from './problem.js';
import { INITIAL, isOver, reduce } from './verification.js';

/** So many attempts without a sign of life, then we ask besides trying. */
const FAILURES_BEFORE_ASKING = 3;
const ASK_EVERY_MS = 4_000;
/** The service has a moment to say itself that the time is over. */
const EXPIRY_GRACE_MS = 1_500;
/** A server that was not heard for this long (ping 25 s + 8 s) has given us up. */
const STALE_AFTER_MS = 33_000;
/** One for the request, one for a challenge that was over or too easy by then; more is no accident. */
const MOST_PROOFS = 2;
const NOTHING_MEASURED = Object.freeze({ answerMs: null, sentMs: null });

export class Flow {
  #parts;
  #state = INITIAL;
  #connection = { name: 'idle', failures: 0 };
  #client = null;
  /** Where and with what ticket the events are had. */
  #events;
  #after = null;
  #codeLength;
  #busy = null;
  /** Ends the proof of work that a request waits for. @type {AbortController|null} */
  #proving = null;
  #problem = null;
  #waits = {};
  /** What was asked for last, as text, and the key of that wish. */
  #wish = null;
  /** When the wish was sent, and what was measured since, on our own clock. */
  #askedAtMs = null;
  /** When a request was last sent: its proof of work is no part of a mail's way. */
  #sentAtMs = 0;
  #measured = NOTHING_MEASURED;
  #timers = { ask: null, expiry: null };
  #asking = false;
  /** Answers to an earlier verification's questions are not for this one. */
  #round = 0;
  #hiddenSinceMs = null;

  /** @param {import('./types.d.ts').FlowParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @returns {import('./types.d.ts').View} */
  get view() {
    const connection = { ...this.#connection };
    if (connection.name !== 'live') {
      if (this.#asking) connection.name = 'polling';
      else if (isOver(this.#state)) connection.name = 'done';
    }
    return {
      verification: this.#state, connection, busy: this.#busy, proving: this.#proving !== null, problem: this.#problem, waits: this.#waits,
      codeLength: this.#codeLength, measured: this.#measured, ticket: this.#events?.ticket ?? null,
    };
  }

  /** The service's time, in ms. @returns {number} */
  get serverNow() {
    return this.#parts.clock.now() + this.#parts.api.clockOffsetMs;
  }

  /** Goes on with what was under way before a reload. */
  resume() {
    const saved = this.#parts.session.load(this.#parts.clock.now());
    if (!saved) return;
    this.#parts.api.clockOffsetMs = saved.offsetMs;
    this.#after = saved.after;
    this.#begin(saved);
  }

  /** @param {string|import('./types.d.ts').Wish} wish an address alone, or with what goes with it */
  async request(wish) {
    const body = typeof wish === 'string' ? { email: wish } : wish;
    const text = JSON.stringify(body);
    // The same wish again, after an answer got lost, is the same verification.
    if (this.#wish?.text !== text) this.#wish = { text, key: newIdempotencyKey() };
    const { key } = this.#wish;
    const answer = await this.#ask('request', () => this.#request(body, key), (problem) => {
      if (!isUndecided(problem)) this.#wish = null;
    });
    if (!answer) return;
    this.#wish = null;
    this.#after = null;
    const answeredAtMs = this.#parts.clock.now();
    this.#begin(answer);
    this.#askedAtMs = this.#sentAtMs;
    this.#measured = { ...NOTHING_MEASURED, answerMs: answeredAtMs - this.#sentAtMs };
    this.#show();
  }

  /** Asks, and asks again with proof of work where that is wanted. */
  async #request(body, key) {
    /** @type {import('./types.d.ts').Wish} */
    let wish = body;
    for (let proofs = 0; ; proofs += 1) {
      this.#sentAtMs = this.#parts.clock.now();
      try {
        return await this.#parts.api.request(wish, key);
      } catch (problem) {
        if (!problem.challenge || proofs === MOST_PROOFS || !this.#parts.prove) throw problem;
        wish = { ...body, altcha: await this.#prove(problem) };
      }
    }
  }

  /** @param {import('./problem.js').Problem} problem what the service said */
  async #prove(problem) {
    const proving = new AbortController();
    this.#proving = proving;
    this.#show();
    try {
      return await this.#parts.prove(problem.challenge, proving.signal);
    } catch (error) {
      // A person who stops it knows; what cannot be solved is the service's to explain.
      throw error.name === 'AbortError' ? error : problem;
    } finally {
      if (this.#proving === proving) this.#proving = null;
      this.#show();
    }
  }

  /** @param {string} code digits alone */
  async check(code) {
    const { id } = this.#state;
    const answer = await this.#ask('check', () => this.#parts.api.check(id, code), (problem) => {
      this.#apply({ type: 'refused', slug: problem.slug, attemptsLeft: problem.attemptsLeft });
    });
    if (answer) this.#apply({ type: 'checked', answer });
  }

  /** Asks for another mail with the same code. */
  async resend() {
    const answer = await this.#ask('resend', () => this.#parts.api.resend(this.#state.id));
    if (!answer) return;
    if (this.#state.phase === 'failed') this.#after = this.#client?.lastSeq ?? null;
    this.#apply({ type: 'resent', answer });
    // What was measured was another mail's way.
    this.#askedAtMs = null;
    this.#measured = NOTHING_MEASURED;
    this.#remember(answer);
    this.#client?.renew(this.#events);
  }

  /** The code in the mail is dead after this; before there is one, nothing was asked for. */
  async cancel() {
    if (this.#proving) {
      this.#proving.abort();
      return;
    }
    const answer = await this.#ask('cancel', () => this.#parts.api.cancel(this.#state.id, this.#events.ticket));
    if (answer) this.#apply({ type: 'canceled' });
  }

  /** Back to the start. */
  again() {
    this.#leave();
    this.#problem = null;
    this.#busy = null;
    this.#apply({ type: 'forgotten' });
  }

  /** Ends all that goes on here; what a later {@link resume} needs is kept. */
  suspend() {
    this.#round += 1;
    this.#proving?.abort();
    this.#proving = null;
    this.#client?.stop();
    this.#client = null;
    this.#stopAsking();
    this.#parts.clock.clearTimeout(this.#timers.expiry);
  }

  /** The browser's word on the network: whatever it says, the present connection is in doubt. */
  networkChanged() {
    this.#client?.refresh();
  }

  /** After a long sleep the connection may be dead without knowing. @param {boolean} hidden */
  visibilityChanged(hidden) {
    const now = this.#parts.clock.now();
    if (hidden) this.#hiddenSinceMs = now;
    else if (this.#hiddenSinceMs !== null && now - this.#hiddenSinceMs > STALE_AFTER_MS) this.#client?.refresh();
    else this.#client?.retryNow();
    if (!hidden) this.#checkTime();
  }

  #begin(answer) {
    this.#leave();
    this.#apply({ type: 'accepted', answer });
    this.#remember(answer);
    this.#client = this.#parts.openEvents({
      ...this.#events, id: answer.id, after: this.#after,
      onEvent: (event) => this.#happened(event),
      onState: (state) => this.#connectionChanged(state),
      onError: ({ code }) => this.#note('error', { code }),
    });
    this.#client.start();
  }

  #leave() {
    this.suspend();
    this.#parts.session.clear();
    this.#waits = { request: this.#waits.request };
    this.#events = undefined;
    this.#askedAtMs = null;
    this.#measured = NOTHING_MEASURED;
    this.#connection = { name: 'idle', failures: 0 };
  }

  #remember(answer) {
    const { id, email, expires_at, resend_at, code_length, events } = answer;
    this.#events = events;
    this.#codeLength = code_length;
    const offsetMs = this.#parts.api.clockOffsetMs;
    this.#parts.session.save({ id, email, expires_at, resend_at, code_length, events, after: this.#after, offsetMs });
  }

  /** Asks the API one thing at a time. Null where it was refused, in which case the view tells why. */
  async #ask(what, call, onProblem = (_problem) => {}) {
    if (this.#busy || this.#waits[what] > this.#parts.clock.now()) return null;
    const round = this.#round;
    this.#busy = what;
    this.#problem = null;
    this.#show();
    try {
      const answer = await call();
      return round === this.#round ? answer : null;
    } catch (problem) {
      if (round !== this.#round || problem.name === 'AbortError') return null;
      if (problem.retryAfterMs) this.#waits[what] = this.#parts.clock.now() + problem.retryAfterMs;
      this.#problem = { what, problem };
      onProblem(problem);
      // It ended in a way that we have not heard of.
      if (what !== 'request' && [404, 410].includes(problem.status)) this.#readStatus();
      return null;
    } finally {
      if (round === this.#round) {
        this.#busy = null;
        this.#show();
      }
    }
  }

  #apply(action) {
    this.#state = reduce(this.#state, action);
    if (isOver(this.#state)) {
      this.#parts.session.clear();
      this.#stopAsking();
      this.#rest();
    }
    this.#watchTime();
    this.#show();
  }

  /** What is over seeks no connection; one that is there may still bring the last event. */
  #rest() {
    const isSeeking = ['connecting', 'reconnecting', 'offline'].includes(this.#connection.name);
    if (isSeeking && isOver(this.#state)) this.#client?.stop();
  }

  #happened(event) {
    if (event.event === 'sent' && this.#askedAtMs !== null && this.#measured.sentMs === null) {
      this.#measured = { ...this.#measured, sentMs: this.#parts.clock.now() - this.#askedAtMs };
    }
    this.#apply({ type: 'event', event });
  }

  #note(name, data) {
    this.#apply({ type: 'note', name, at: new Date(this.serverNow).toISOString(), data });
  }

  #connectionChanged(state) {
    this.#connection = state;
    this.#rest();
    const isGone = state.failures >= FAILURES_BEFORE_ASKING || (state.name === 'closed' && state.reason !== 'stopped');
    if (state.name === 'done' || (state.name === 'live' && state.failures === 0)) this.#stopAsking();
    else if (isGone && !this.#asking && !isOver(this.#state)) {
      this.#asking = true;
      this.#readStatus();
    }
    this.#show();
  }

  /** One look at the status; while the connection is away, another follows. */
  async #readStatus() {
    const round = this.#round;
    let waitMs = ASK_EVERY_MS;
    try {
      const answer = await this.#parts.api.status(this.#state.id, this.#events.ticket);
      if (round === this.#round) this.#apply({ type: 'status', answer });
    } catch (problem) {
      // Not ours or not there: it won't be at the next look either.
      if ([401, 403, 404].includes(problem.status)) this.#stopAsking();
      waitMs = Math.max(waitMs, problem.retryAfterMs ?? 0);
    }
    if (round !== this.#round) return;
    this.#parts.clock.clearTimeout(this.#timers.ask);
    if (this.#asking) this.#timers.ask = this.#parts.clock.setTimeout(() => this.#readStatus(), waitMs);
    this.#show();
  }

  #stopAsking() {
    this.#asking = false;
    this.#parts.clock.clearTimeout(this.#timers.ask);
  }

  #watchTime() {
    this.#parts.clock.clearTimeout(this.#timers.expiry);
    const { expiresAtMs } = this.#state;
    if (expiresAtMs === null || isOver(this.#state)) return;
    const leftMs = expiresAtMs + EXPIRY_GRACE_MS - this.serverNow;
    this.#timers.expiry = this.#parts.clock.setTimeout(() => this.#checkTime(), Math.max(leftMs, 0));
  }

  /** Also after sleep, when timers are late. */
  #checkTime() {
    const { expiresAtMs } = this.#state;
    if (expiresAtMs !== null && this.serverNow >= expiresAtMs + EXPIRY_GRACE_MS) this.#apply({ type: 'time-over' });
  }

  #show() {
    this.#parts.onChange(this.view);
  }
}
