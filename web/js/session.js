/** Remembers a verification under way in this tab, for a reload. No address in clear, no code, no proof. */

const KEY = 'distotp.verification';

export class Session {
  #storage;

  /** @param {() => Storage} storage asked for each time, since a browser that forbids it throws */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @param {import('./types.d.ts').Saved} saved */
  save(saved) {
    this.#try(() => this.#storage().setItem(KEY, JSON.stringify(saved)));
  }

  /** @param {number} nowMs @returns {import('./types.d.ts').Saved|null} */
  load(nowMs) {
    const saved = this.#try(() => JSON.parse(this.#storage().getItem(KEY)));
    const isWhole = saved?.id && saved.events?.url && saved.events.ticket && Number.isFinite(saved.offsetMs);
    if (isWhole && Date.parse(saved.expires_at) > nowMs + saved.offsetMs) return saved;
    this.clear();
    return null;
  }

  clear() {
    this.#try(() => this.#storage().removeItem(KEY));
  }

  /** Storage throws when it is full or forbidden; the page works without. */
  #try(action) {
    try {
      return action() ?? null;
    } catch {
      return null;
    }
  }
}
