/** Remembers a verification under way in this tab, for a reload. No address in clear, no code, no proof. */

const KEY = 'distotp.verification';

export class Session {
  #storage;
  #key;

  /**
   * @param {() => Storage} storage asked for each time, since a browser that forbids it throws
   * @param {string} [name] tells apart what goes on in the same tab
   */
  constructor(storage, name = '') {
    this.#storage = storage;
    this.#key = name === '' ? KEY : `${KEY}:${name}`;
  }

  /** @param {import('./types.d.ts').Saved} saved */
  save(saved) {
    this.#try(() => this.#storage().setItem(this.#key, JSON.stringify(saved)));
  }

  /** @param {number} nowMs @returns {import('./types.d.ts').Saved|null} */
  load(nowMs) {
    const saved = this.#try(() => JSON.parse(this.#storage().getItem(this.#key)));
    const isWhole = saved?.id && saved.events?.url && saved.events.ticket && Number.isFinite(saved.offsetMs);
    if (isWhole && Date.parse(saved.expires_at) > nowMs + saved.offsetMs) return saved;
    this.clear();
    return null;
  }

  clear() {
    this.#try(() => this.#storage().removeItem(this.#key));
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
