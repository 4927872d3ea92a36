/**
 * Remembers a verification under way in this tab, so that a reload goes on with it. No address in clear, no code, no proof.
 */

const KEY = 'distotp.verification';

export class Session {
  #storage;

  /** @param {Storage|null} storage null where the browser allows none: then nothing is remembered */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @param {import('./types.d.ts').Saved} saved */
  save(saved) {
    this.#try(() => this.#storage?.setItem(KEY, JSON.stringify(saved)));
  }

  /** @param {number} nowMs @returns {import('./types.d.ts').Saved|null} null where there is nothing, or nothing of use any more */
  load(nowMs) {
    const saved = this.#try(() => JSON.parse(this.#storage?.getItem(KEY) ?? 'null'));
    const isWhole = saved?.id && saved.events?.url && saved.events.ticket && Number.isFinite(saved.offsetMs);
    if (isWhole && Date.parse(saved.expires_at) > nowMs + saved.offsetMs) return saved;
    this.clear();
    return null;
  }

  clear() {
    this.#try(() => this.#storage?.removeItem(KEY));
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
