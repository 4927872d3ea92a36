/** A clock that moves when told, and sockets that a test plays the server for. */

export class FakeClock {
  #nowMs;
  #timers = new Map();
  #next = 1;

  constructor(nowMs = Date.parse('2026-01-02T03:04:05.000Z')) {
    this.#nowMs = nowMs;
  }

  now = () => this.#nowMs;

  setTimeout = (run, delayMs) => {
    this.#timers.set(this.#next, { run, at: this.#nowMs + delayMs });
    return this.#next++;
  };

  clearTimeout = (timer) => {
    this.#timers.delete(timer);
  };

  get pending() {
    return this.#timers.size;
  }

  /** Runs what falls due within the next `ms`, in order. */
  advance(ms) {
    const end = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      const [timer, { run, at }] = due;
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, at);
      run();
    }
    this.#nowMs = end;
  }
}

export class FakeSocket {
  readyState = 0;
  sent = [];
  closedWith = null;

  constructor(url, protocol) {
    this.url = url;
    this.protocol = protocol;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
    this.readyState = 2;
  }

  open() {
    this.readyState = 1;
    this.onopen({});
  }

  tell(message) {
    this.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }

  drop(code = 1006) {
    this.readyState = 3;
    this.onclose({ code });
  }
}

/** Lets promises that have nothing to wait for run to their end. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
