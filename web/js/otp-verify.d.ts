/**
 * `<otp-verify>`: the whole flow in any page. It belongs to the form around it: its value is the signed proof.
 *
 *     <script type="module" src="https://otp.example.com/js/otp-verify.js"></script>
 *     <otp-verify name="proof" required></otp-verify>
 *
 * @fires otp-progress when the phase changed: `detail` is `{phase, reason, email}`
 * @fires otp-verified once, with the proof: `detail` is `{id, token}`
 * @fires otp-failed when it is over without a proof, or the mail did not get through: `detail` is `{phase, reason}`
 * @fires otp-problem when a request was refused: `detail` is `{what, slug, retryAfterMs}`
 * @fires otp-change with everything that changed: `detail` is the {@link View}
 */
export declare class OtpVerify extends HTMLElement {
    #private;
    static formAssociated: boolean;
    static observedAttributes: string[];
    constructor();
    /** The gateway's origin: the attribute, else where this file came from. */
    get endpoint(): string;
    set endpoint(origin: string);
    /** The application's publishable key; none where the service asks for none. @returns {string|null} */
    get appKey(): string | null;
    set appKey(key: string | null);
    /** The language of texts and mail. Unset, the page's own is taken, then the browser's. @returns {string|null} */
    get locale(): string | null;
    set locale(tag: string | null);
    /** What the proof is for; stands in it. @returns {string|null} */
    get purpose(): string | null;
    set purpose(purpose: string | null);
    /** The address as typed; set, it fills in the field. @returns {string} */
    get email(): string;
    set email(address: string);
    /** All there is to show, as `otp-change` brings it. @returns {import('./types.d.ts').View|null} */
    get view(): import('./types.d.ts').View | null;
    /** The service's time, in ms; what counts down to the service's times needs it. @returns {number} */
    get serverNow(): number;
    /** Words in the language that is shown. @returns {import('./types.d.ts').Translate} */
    get words(): import('./types.d.ts').Translate;
    /** The signed proof, empty until there is one. */
    get value(): string;
    /** @returns {HTMLFormElement|null} */
    get form(): HTMLFormElement | null;
    /** What a form sends the proof as. */
    get name(): string;
    set name(name: string);
    /** Whether a form around waits for a proof. */
    get required(): boolean;
    set required(required: boolean);
    get type(): string;
    get validity(): ValidityState;
    get validationMessage(): string;
    get willValidate(): boolean;
    checkValidity(): boolean;
    reportValidity(): boolean;
    /** Asks for a code. @param {string} [email] what was typed, when it is left out */
    start(email?: string): Promise<void>;
    /** Back to the beginning, whatever is under way. */
    reset(): void;
    connectedCallback(): void;
    disconnectedCallback(): void;
    attributeChangedCallback(name: any, before: any, now: any): void;
    formResetCallback(): void;
    formDisabledCallback(disabled: any): void;
}
export { defineMessages } from './messages.js';
