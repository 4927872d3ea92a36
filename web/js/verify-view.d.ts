/** What `<otp-verify>` is made of, and how a {@link View} is shown in it. No flow logic: what is done here is asked of `act`. */
export declare class VerifyView {
    #private;
    /**
     * @param {ShadowRoot} root
     * @param {import('./types.d.ts').Acts} act what the person asks for
     * @param {import('./types.d.ts').Translate} t
     */
    constructor(root: ShadowRoot, act: import('./types.d.ts').Acts, t: import('./types.d.ts').Translate);
    /** Where the browser points to when a form wants a proof and there is none. */
    get anchor(): any;
    get email(): any;
    set email(address: any);
    set level(level: any);
    set disabled(disabled: any);
    /** From here on in this language. */
    speak(t: any): void;
    /** @param {import('./types.d.ts').View} view @param {() => number} serverNow */
    show(view: import('./types.d.ts').View, serverNow: () => number): void;
    /** Everything that changes with the time alone. */
    tick(): void;
}
