/**
 * Follows one verification over a WebSocket (subprotocol `otp.v1`): hands over each event once and in order, and comes
 * back after a loss, behind the last event seen. No DOM and no imports: this file can be used alone.
 *
 * @typedef {{id: string, seq: number, event: string, at: string, data: Record<string, unknown>}} OtpEvent
 *
 * @typedef {object} ConnectionState
 * @property {'idle'|'connecting'|'live'|'reconnecting'|'offline'|'done'|'closed'} name
 * @property {number} failures losses in a row, 0 after a sign of life
 * @property {number} [retryAt] `reconnecting`, `offline`: when the next attempt starts, in ms
 * @property {'stopped'|'refused'|'gave-up'} [reason] `closed` only
 *
 * @typedef {object} Subscription
 * @property {string} url `ws:` or `wss:`
 * @property {string} id
 * @property {string} ticket goes into the first message, never into the address
 * @property {number|null} [after] resume behind this sequence number
 * @property {(event: OtpEvent) => void} onEvent
 * @property {(state: ConnectionState) => void} [onState]
 * @property {(error: {code: string}) => void} [onError] an `error` frame, for showing
 */

export const PROTOCOL = 'otp.v1';

/** Nothing follows these, save that a resend may follow `failed`. */
export const TERMINAL_EVENTS = new Set(['verified', 'failed', 'expired', 'locked', 'canceled', 'superseded']);

/** A handshake that takes longer was swallowed on the way. */
const CONNECT_TIMEOUT_MS = 8_000;
/** What held this long was a good connection: the next loss counts anew. */
const SETTLED_MS = 10_000;
/** After `failed` the server ends the connection, since a replay may go on behind it; but not for ever. */
const LINGER_MS = 30_000;
/** The pause is random up to `base * 2^n` and the cap: full jitter spreads a crowd best. */
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_CAP_MS = 15_000;
const MIN_PAUSE_MS = 100;
/** Restart (1012), slow reader (1013): the server, or another, wants us back soon. */
const COME_BACK_CODES = new Set([1012, 1013]);
const COME_BACK_BASE_MS = 250;
/** Some seven minutes of trying: longer than a ticket lives by default. */
const MAX_FAILURES = 60;
/** Closed for what we sent or who we are: the same again would end the same. */
const REFUSED_CODES = new Set([1002, 1003, 1007, 1008, 1009]);
const REFUSED_ERROR = /ticket|invalid|bad|malformed|unauthorized|forbidden|protocol|origin|too-many/;

/** What a test replaces. @type {import('./types.d.ts').Environment} */
export const BROWSER = {
  createSocket: (url, protocol) => new WebSocket(url, protocol),
  setTimeout: (run, delayMs) => setTimeout(run, delayMs),
  clearTimeout: (timer) => clearTimeout(/** @type {number} */ (timer)),
  now: () => Date.now(),
  random: () => Math.random(),
  /** A hint: this very machine is reachable without a network. */
  isOnline: () => globalThis.navigator?.onLine !== false,
};

export class EventsClient {
  #subscription;
  #env;
  #socket = null;
  #ticketInUse = '';
  /** One timer, for whatever the present state waits for. */
  #timer = null;
  #failures = 0;
  #terminal = false;
  #lastSeq;
  /** @type {ConnectionState} */
  #state = { name: 'idle', failures: 0 };

  /** @param {Subscription} subscription @param {Partial<import('./types.d.ts').Environment>} [environment] */
  constructor(subscription, environment = {}) {
    this.#subscription = { onState() {}, onError() {}, ...subscription };
    this.#env = { ...BROWSER, ...environment };
    this.#lastSeq = subscription.after ?? null;
  }

  /** @returns {ConnectionState} */
  get state() {
    return this.#state;
  }

  /** Sequence number of the last event seen, or null. @returns {number|null} */
  get lastSeq() {
    return this.#lastSeq;
  }

  start() {
    if (this.#isRunning()) return;
    this.#failures = 0;
    this.#terminal = false;
    this.#connect();
  }

  stop() {
    this.#dropSocket();
    this.#enter({ name: 'closed', reason: 'stopped' });
  }

  /**
   * Takes a fresh ticket, as a resend gives it. A live connection stays; one that ended starts again.
   * @param {{url?: string, ticket: string}} fresh
   */
  renew({ url, ticket }) {
    Object.assign(this.#subscription, { ticket, url: url ?? this.#subscription.url });
    this.start();
  }

  /** Ends a pause between attempts, for when there is a reason to hope. */
  retryNow() {
    if (['reconnecting', 'offline'].includes(this.#state.name)) this.#connect();
  }

  /** Replaces a connection that may be dead without knowing: after sleep, or when the network changed. */
  refresh() {
    if (this.#isRunning()) this.#connect();
  }

  #isRunning() {
    return !['idle', 'done', 'closed'].includes(this.#state.name);
  }

  #connect() {
    this.#dropSocket();
    this.#enter({ name: 'connecting' });
    let socket;
    try {
      socket = this.#env.createSocket(this.#subscription.url, PROTOCOL);
    } catch {
      // No socket can be made for this address (mixed content, blocked): the failures tell.
      return this.#lost();
    }
    this.#socket = socket;
    const ours = (handle) => (event) => this.#socket === socket && handle(event);
    socket.onopen = ours(() => this.#subscribe());
    socket.onmessage = ours((message) => this.#receive(parseRecord(message.data)));
    socket.onclose = ours((close) => this.#lost(close.code));
    this.#after(CONNECT_TIMEOUT_MS, () => this.#lost());
  }

  #subscribe() {
    const { id, ticket } = this.#subscription;
    this.#ticketInUse = ticket;
    const after = this.#lastSeq === null ? {} : { after: this.#lastSeq };
    this.#socket.send(JSON.stringify({ type: 'subscribe', id, ticket, ...after }));
    this.#enter({ name: 'live' });
    this.#after(SETTLED_MS, () => this.#settle());
  }

  #receive(message) {
    if (message.id !== undefined && message.id !== this.#subscription.id) return;
    if (message.type === 'event') this.#receiveEvent(message);
    if (message.type === 'error' && typeof message.code === 'string') {
      if (REFUSED_ERROR.test(message.code)) this.#refused();
      this.#subscription.onError({ code: message.code });
    }
  }

  #receiveEvent({ id, seq, event, at, data }) {
    if (!Number.isSafeInteger(seq) || typeof event !== 'string') return;
    if (this.#lastSeq !== null && seq <= this.#lastSeq) return;
    this.#lastSeq = seq;
    this.#settle();
    this.#terminal = TERMINAL_EVENTS.has(event);
    if (this.#terminal) {
      if (event !== 'failed') this.#dropSocket();
      this.#enter({ name: 'done' });
      if (this.#socket) this.#after(LINGER_MS, () => this.#dropSocket());
    } else if (this.#state.name === 'done') {
      this.#enter({ name: 'live' });
    }
    this.#subscription.onEvent({ id, seq, event, at, data: isRecord(data) ? data : {} });
  }

  /** The server won't have us. A ticket renewed meanwhile deserves a try of its own. */
  #refused() {
    if (this.#ticketInUse !== this.#subscription.ticket) return this.#lost();
    this.#dropSocket();
    this.#enter({ name: 'closed', reason: 'refused' });
  }

  #lost(code = 1006) {
    this.#dropSocket();
    if (this.#terminal) return this.#enter({ name: 'done' });
    if (REFUSED_CODES.has(code) || code >= 4000) return this.#refused();
    this.#failures += 1;
    if (this.#failures > MAX_FAILURES) return this.#enter({ name: 'closed', reason: 'gave-up' });
    const isOnline = this.#env.isOnline();
    const pauseMs = isOnline ? this.#pauseMs(code) : BACKOFF_CAP_MS;
    this.#enter({ name: isOnline ? 'reconnecting' : 'offline', retryAt: this.#env.now() + pauseMs });
    this.#after(pauseMs, () => this.#connect());
  }

  #pauseMs(code) {
    const base = COME_BACK_CODES.has(code) ? COME_BACK_BASE_MS : BACKOFF_BASE_MS;
    const ceiling = Math.min(BACKOFF_CAP_MS, base * 2 ** (this.#failures - 1));
    return Math.max(MIN_PAUSE_MS, Math.round(this.#env.random() * ceiling));
  }

  #settle() {
    if (this.#failures === 0) return;
    this.#failures = 0;
    if (this.#state.name === 'live') this.#enter({ name: 'live' });
  }

  #dropSocket() {
    this.#clearTimer();
    const socket = this.#socket;
    this.#socket = null;
    // Below 2 it is connecting or open; one that is closing needs nothing from us.
    if (socket && socket.readyState < 2) socket.close(1000);
  }

  #enter(state) {
    this.#clearTimer();
    this.#state = Object.freeze({ ...state, failures: this.#failures });
    this.#subscription.onState(this.#state);
  }

  #after(delayMs, run) {
    this.#clearTimer();
    this.#timer = this.#env.setTimeout(run, delayMs);
  }

  #clearTimer() {
    this.#env.clearTimeout(this.#timer);
    this.#timer = null;
  }
}

function parseRecord(text) {
  try {
    const value = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
