/**
 * One verification from request to proof: calls the API, follows the events, falls back to asking. No DOM: `onChange`
 * gets a view to show.
 */
export declare class Flow {
    #private;
    /** @param {import('./types.d.ts').FlowParts} parts */
    constructor(parts: import('./types.d.ts').FlowParts);
    /** @returns {import('./types.d.ts').View} */
    get view(): import('./types.d.ts').View;
    /** The service's time, in ms. @returns {number} */
    get serverNow(): number;
    /** Goes on with what was under way before a reload. */
    resume(): void;
    /** @param {string|import('./types.d.ts').Wish} wish an address alone, or with what goes with it */
    request(wish: string | import('./types.d.ts').Wish): Promise<void>;
    /** @param {string} code digits alone */
    check(code: string): Promise<void>;
    /** Asks for another mail with the same code. */
    resend(): Promise<void>;
    /** The code in the mail is dead after this; before there is one, nothing was asked for. */
    cancel(): Promise<void>;
    /** Back to the start. */
    again(): void;
    /** Ends all that goes on here; what a later {@link resume} needs is kept. */
    suspend(): void;
    /** The browser's word on the network: whatever it says, the present connection is in doubt. */
    networkChanged(): void;
    /** After a long sleep the connection may be dead without knowing. @param {boolean} hidden */
    visibilityChanged(hidden: boolean): void;
}
