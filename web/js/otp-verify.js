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

import { createVerification, followBrowser } from './client.js';
import { english, translatorFor } from './messages.js';
import { styleSheet } from './verify-styles.js';
import { VerifyView } from './verify-view.js';

/** How often countdowns are looked at. */
const TICK_MS = 250;
const FAILED = new Set(['failed', 'expired', 'locked', 'canceled', 'superseded']);

/** Where this file came from, which is a gateway unless it was bundled. */
function ownOrigin() {
  const { origin, protocol } = new URL(import.meta.url);
  return protocol.startsWith('http') ? origin : '';
}

export class OtpVerify extends HTMLElement {
  static formAssociated = true;
  static observedAttributes = ['locale', 'email', 'required', 'heading-level'];

  #internals = this.attachInternals();
  #view = null;
  #flow = null;
  #t = english;
  #ticking = null;
  #unfollow = null;
  #value = '';
  #told = { phase: 'idle', problem: null, token: null };
  /** Only the last of several changes of language counts. */
  #speaking = 0;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open', delegatesFocus: true });
    root.adoptedStyleSheets = [styleSheet()];
    const act = {
      request: (email) => this.start(email),
      check: (code) => this.#flow?.check(code),
      resend: () => this.#flow?.resend(),
      cancel: () => this.#flow?.cancel(),
      again: () => this.reset(),
    };
    this.#view = new VerifyView(root, act, english);
  }

  /** The gateway's origin: the attribute, else where this file came from. */
  get endpoint() {
    return (this.getAttribute('endpoint') ?? ownOrigin()).replace(/\/+$/, '');
  }

  set endpoint(origin) {
    this.setAttribute('endpoint', origin);
  }

  /** The application's publishable key; none where the service asks for none. @returns {string|null} */
  get appKey() {
    return this.getAttribute('app-key');
  }

  set appKey(key) {
    this.setAttribute('app-key', key ?? '');
  }

  /** The language of texts and mail. Unset, the page's own is taken, then the browser's. @returns {string|null} */
  get locale() {
    return this.getAttribute('locale');
  }

  set locale(tag) {
    this.setAttribute('locale', tag ?? '');
  }

  /** What the proof is for; stands in it. @returns {string|null} */
  get purpose() {
    return this.getAttribute('purpose');
  }

  set purpose(purpose) {
    this.setAttribute('purpose', purpose ?? '');
  }

  /** The address as typed; set, it fills in the field. @returns {string} */
  get email() {
    return this.#view.email;
  }

  set email(address) {
    this.#view.email = address;
  }

  /** All there is to show, as `otp-change` brings it. @returns {import('./types.d.ts').View|null} */
  get view() {
    return this.#flow?.view ?? null;
  }

  /** The service's time, in ms; what counts down to the service's times needs it. @returns {number} */
  get serverNow() {
    return this.#flow?.serverNow ?? Date.now();
  }

  /** Words in the language that is shown. @returns {import('./types.d.ts').Translate} */
  get words() {
    return this.#t;
  }

  /** The signed proof, empty until there is one. */
  get value() {
    return this.#value;
  }

  /** @returns {HTMLFormElement|null} */
  get form() {
    return this.#internals.form;
  }

  /** What a form sends the proof as. */
  get name() {
    return this.getAttribute('name') ?? '';
  }

  set name(name) {
    this.setAttribute('name', name);
  }

  /** Whether a form around waits for a proof. */
  get required() {
    return this.hasAttribute('required');
  }

  set required(required) {
    this.toggleAttribute('required', Boolean(required));
  }

  get type() {
    return this.localName;
  }

  get validity() {
    return this.#internals.validity;
  }

  get validationMessage() {
    return this.#internals.validationMessage;
  }

  get willValidate() {
    return this.#internals.willValidate;
  }

  checkValidity() {
    return this.#internals.checkValidity();
  }

  reportValidity() {
    return this.#internals.reportValidity();
  }

  /** Asks for a code. @param {string} [email] what was typed, when it is left out */
  async start(email = this.email) {
    if (email !== this.email) this.email = email;
    const purpose = this.purpose || undefined;
    await this.#flow?.request({ email, purpose, locale: this.#wanted()[0] ?? undefined });
  }

  /** Back to the beginning, whatever is under way. */
  reset() {
    this.#flow?.again();
  }

  connectedCallback() {
    // Moved within the page, it stays what it was.
    this.#flow ??= createVerification({
      endpoint: this.endpoint,
      appKey: this.appKey ?? '',
      name: this.purpose ?? '',
      onChange: (view) => this.#changed(view),
    });
    this.#unfollow = followBrowser(this.#flow);
    this.#view.show(this.#flow.view, () => this.serverNow);
    this.#flow.resume();
    this.#ticking = setInterval(() => this.#view.tick(), TICK_MS);
    this.#judge();
    this.#speak();
  }

  disconnectedCallback() {
    clearInterval(this.#ticking);
    this.#unfollow?.();
    this.#flow?.suspend();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === 'email') this.email = now ?? '';
    if (name === 'required') this.#judge();
    if (name === 'heading-level') this.#view.level = now ?? '2';
    if (name === 'locale' && this.isConnected) this.#speak();
  }

  formResetCallback() {
    this.reset();
  }

  formDisabledCallback(disabled) {
    this.#view.disabled = disabled;
  }

  #wanted() {
    const around = this.closest('[lang]')?.getAttribute('lang');
    return [this.locale, around, ...(navigator.languages ?? [])].filter(Boolean);
  }

  async #speak() {
    const turn = (this.#speaking += 1);
    const t = await translatorFor(this.#wanted());
    if (turn !== this.#speaking) return;
    this.#t = t;
    this.#view.speak(t);
    this.#judge();
    this.dispatchEvent(new CustomEvent('otp-locale', { detail: { locale: t.locale, dir: t.dir } }));
  }

  #changed(view) {
    this.#view.show(view, () => this.serverNow);
    const { phase, reason, email, token, id } = view.verification;
    this.#value = token ?? '';
    this.#internals.setFormValue(token);
    this.#judge();
    // For styles: `otp-verify:state(sent)`. Browsers without custom states do without.
    this.#internals.states?.delete(this.#told.phase);
    this.#internals.states?.add(phase);
    const told = this.#told;
    this.#told = { phase, problem: view.problem, token };
    this.#tell('otp-change', view);
    if (phase !== told.phase) this.#tell('otp-progress', { phase, reason, email });
    if (phase !== told.phase && FAILED.has(phase)) this.#tell('otp-failed', { phase, reason });
    if (token && token !== told.token) this.#tell('otp-verified', { id, token });
    if (view.problem && view.problem !== told.problem) {
      const { what, problem: { slug, retryAfterMs } } = view.problem;
      this.#tell('otp-problem', { what, slug, retryAfterMs });
    }
  }

  /** Without a proof the form around is not complete, if it wants one. */
  #judge() {
    const isMissing = this.required && this.#value === '';
    if (isMissing) this.#internals.setValidity({ valueMissing: true }, this.#t('required'), this.#view.anchor);
    else this.#internals.setValidity({});
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

if (!customElements.get('otp-verify')) customElements.define('otp-verify', OtpVerify);

export { defineMessages } from './messages.js';
