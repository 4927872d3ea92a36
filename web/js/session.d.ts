/** Remembers a verification under way in this tab, for a reload. No address in clear, no code, no proof. */
export declare class Session {
    #private;
    /**
     * @param {() => Storage} storage asked for each time, since a browser that forbids it throws
     * @param {string} [name] tells apart what goes on in the same tab
     */
    constructor(storage: () => Storage, name?: string);
    /** @param {import('./types.d.ts').Saved} saved */
    save(saved: import('./types.d.ts').Saved): void;
    /** @param {number} nowMs @returns {import('./types.d.ts').Saved|null} */
    load(nowMs: number): import('./types.d.ts').Saved | null;
    clear(): void;
}
