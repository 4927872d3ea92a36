/** What `<otp-verify>` is made of, and how a {@link View} is shown in it. No flow logic: what is done here is asked of `act`. */

import { make, setState, setText } from './dom.js';
import { CODE_LENGTH, countdown, normaliseCode } from './format.js';
import { explain, guessesLeft } from './problem.js';
import { isOver, STEPS, stepStates, takesCode } from './verification.js';
import { connectionText, headline, isTroubled, nextTry, statusText } from './words.js';

/** @returns {HTMLElement} the whole content, in its first state */
function build() {
  const button = (id, kind, type = 'button') => make('button', { id, type, class: kind, part: `button ${kind}`.trim() });
  const text = (id, kind, more = {}) => make('p', { id, class: kind, part: kind, ...more });
  const field = { spellcheck: 'false', required: true };
  return make('div', { class: 'frame', part: 'frame' },
    make('div', { id: 'title', class: 'title', part: 'title', role: 'heading', 'aria-level': '2', tabindex: '-1' }),
    text('lead', 'lead'),
    make('div', { id: 'error', class: 'error', part: 'error', role: 'alert', tabindex: '-1', hidden: true }),
    text('retry-in', 'hint'),
    make('form', { id: 'email-form', part: 'form', novalidate: true },
      make('label', { for: 'email', part: 'label' }),
      make('input', { id: 'email', part: 'input', type: 'email', name: 'email', autocomplete: 'email', inputmode: 'email', maxlength: '320', dir: 'ltr', 'aria-describedby': 'error', ...field }),
      button('send', 'primary', 'submit')),
    make('ol', { id: 'stepper', class: 'steps', part: 'steps' }, ...STEPS.map((step) => make('li', { 'data-step': step, 'data-state': 'todo', part: 'step' }, make('span'), make('i')))),
    text('status', 'status', { role: 'status' }),
    text('note', 'note'),
    text('connection', 'connection', { hidden: true }),
    make('form', { id: 'code-form', part: 'form', novalidate: true, hidden: true },
      make('label', { for: 'code', part: 'label' }),
      make('div', { class: 'code', part: 'code' },
        make('input', { id: 'code', part: 'code-input', type: 'text', name: 'code', autocomplete: 'one-time-code', inputmode: 'numeric', pattern: '[0-9]*', 'aria-describedby': 'error code-hint', ...field })),
      text('code-hint', 'hint'),
      text('expires', 'hint'),
      button('check', 'primary', 'submit')),
    make('div', { id: 'actions', class: 'row', part: 'actions', hidden: true }, button('resend', ''), button('cancel', 'quiet')),
    button('again', ''));
}

export class VerifyView {
  #act;
  #t;
  #at;
  #frame = build();
  #view = null;
  /** What was shown last: what is new, and where the focus has to go. */
  #shown = { phase: 'idle', problem: null, takes: false };
  #disabled = false;

  /**
   * @param {ShadowRoot} root
   * @param {import('./types.d.ts').Acts} act what the person asks for
   * @param {import('./types.d.ts').Translate} t
   */
  constructor(root, act, t) {
    this.#act = act;
    this.#t = t;
    root.append(this.#frame);
    this.#at = (id) => root.getElementById(id);
    this.#listen();
    this.speak(t);
  }

  /** Where the browser points to when a form wants a proof and there is none. */
  get anchor() {
    return this.#at(this.#at('code-form').hidden ? 'email' : 'code');
  }

  get email() {
    return this.#at('email').value.trim();
  }

  set email(address) {
    this.#at('email').value = address;
  }

  set level(level) {
    setState(this.#at('title'), 'aria-level', level);
  }

  set disabled(disabled) {
    this.#disabled = disabled;
    for (const control of this.#frame.querySelectorAll('input, button')) control.toggleAttribute('disabled', disabled);
    if (this.#view) this.tick();
  }

  /** From here on in this language. */
  speak(t) {
    this.#t = t;
    Object.assign(this.#frame, { lang: t.locale, dir: t.dir });
    const fixed = {
      lead: 'lead', send: 'send', check: 'check', cancel: 'cancel', again: 'again', 'code-hint': 'code.hint',
    };
    for (const [id, key] of Object.entries(fixed)) setText(this.#at(id), t(key));
    for (const id of ['email', 'code']) setText(this.#frame.querySelector(`label[for=${id}]`), t(`${id}.label`));
    for (const step of STEPS) setText(this.#step(step).firstChild, t(`step.${step}`));
    if (this.#view) this.show(this.#view, this.#view.serverNow);
  }

  /** @param {import('./types.d.ts').View} view @param {() => number} serverNow */
  show(view, serverNow) {
    this.#view = { ...view, serverNow };
    const { verification, busy, proving } = view;
    const { phase } = verification;
    const isIdle = phase === 'idle';
    const takes = takesCode(verification);
    this.#at('email-form').hidden = !isIdle;
    this.#at('lead').hidden = !isIdle;
    this.#at('code-form').hidden = !takes;
    this.#at('actions').hidden = !proving && (isIdle || isOver(verification));
    this.#at('resend').hidden = isIdle;
    this.#at('again').hidden = !isOver(verification) && phase !== 'failed';
    setState(this.#at('stepper'), 'data-phase', phase);
    // Before there is anything to tell it is for ears alone.
    setState(this.#at('status'), 'data-phase', proving ? 'proving' : phase);
    setState(this.#frame, 'data-phase', phase);
    setText(this.#at('title'), headline(verification, this.#t));
    setText(this.#at('status'), proving ? this.#t('proving') : statusText(verification, this.#t));
    for (const [what, id] of [['request', 'send'], ['check', 'check'], ['resend', 'resend'], ['cancel', 'cancel']]) {
      setState(this.#at(id), 'aria-busy', String(busy === what));
    }
    this.#at('code').readOnly = busy === 'check';
    if (!takes) this.#at('code').value = '';
    this.#showSteps(verification);
    this.#showProblem(view);
    this.#showBoxes();
    this.tick();
    this.#moveFocus(phase, view.problem, takes);
    this.#shown = { phase, problem: view.problem, takes };
  }

  /** Everything that changes with the time alone. */
  tick() {
    const { verification, connection, problem, waits, serverNow } = this.#view;
    const { expiresAtMs, resendAtMs, attemptsLeft, phase } = verification;
    const t = this.#t;
    const nowMs = serverNow();
    const waitOf = (what) => Math.max(0, (waits[what] ?? 0) - Date.now());
    const resendMs = Math.max(waitOf('resend'), (resendAtMs ?? 0) - nowMs);
    const waitMs = problem ? waitOf(problem.what) : 0;
    setText(this.#at('note'), nextTry(verification, nowMs, t));
    const isWorthTelling = phase !== 'idle' && !isOver(verification) && isTroubled(connection);
    setText(this.#at('connection'), connectionText(connection, Date.now(), t));
    this.#at('connection').hidden = !isWorthTelling;
    setText(this.#at('expires'), `${t('expires', { left: countdown((expiresAtMs ?? 0) - nowMs) })} ${guessesLeft(attemptsLeft, t)}`);
    setText(this.#at('resend'), resendMs > 0 ? t('resend.in', { left: countdown(resendMs) }) : t('resend'));
    setText(this.#at('retry-in'), waitMs > 0 ? t('retry', { left: countdown(waitMs) }) : '');
    this.#at('resend').disabled = this.#disabled || resendMs > 0;
    this.#at('send').disabled = this.#disabled || waitOf('request') > 0;
    this.#at('check').disabled = this.#disabled || waitOf('check') > 0;
  }

  #step(step) {
    return this.#frame.querySelector(`[data-step=${step}]`);
  }

  #showSteps(verification) {
    const states = stepStates(verification);
    for (const step of STEPS) {
      const item = this.#step(step);
      setState(item, 'data-state', states[step]);
      item.ariaCurrent = ['active', 'deferred'].includes(states[step]) ? 'step' : null;
      setText(item.lastChild, `, ${this.#t(`state.${states[step]}`)}`);
    }
  }

  #showProblem({ problem, verification }) {
    // A verdict that the headline gives already needs no second telling.
    const text = problem && !isOver(verification) ? explain(problem.problem, this.#t) : '';
    setText(this.#at('error'), text);
    this.#at('error').hidden = text === '';
    const { what, problem: { slug, status } = {} } = problem ?? {};
    this.#at('email').ariaInvalid = String(what === 'request' && status === 422);
    this.#at('code').ariaInvalid = String(slug === 'incorrect-code');
  }

  #moveFocus(phase, problem, takes) {
    if (this.#isElsewhere) return;
    const shown = this.#shown;
    if (problem && problem !== shown.problem && !this.#at('error').hidden) {
      if (problem.problem.slug !== 'incorrect-code') this.#at('error').focus();
      else if (takes) {
        this.#at('code').focus();
        this.#at('code').select();
      }
    } else if (takes !== shown.takes || phase !== shown.phase) {
      if (takes && !shown.takes) this.#at('code').focus();
      else if (phase === 'idle') this.#at('email').focus();
      else if (!takes) this.#at('title').focus();
    }
  }

  /** Whoever is busy with something else on the page is left there. */
  get #isElsewhere() {
    const { host } = /** @type {ShadowRoot} */ (this.#frame.getRootNode());
    const around = /** @type {Document|ShadowRoot} */ (host.getRootNode());
    const active = around.activeElement ?? null;
    return active !== null && active !== document.body && active !== host;
  }

  get #codeLength() {
    return this.#view?.codeLength ?? CODE_LENGTH.usual;
  }

  /** The boxes behind the digits: as many as the code has, the next one marked. */
  #showBoxes() {
    const frame = this.#frame.querySelector('.code');
    const count = this.#codeLength;
    const boxes = [...frame.querySelectorAll('.box')];
    if (boxes.length !== count) {
      for (const box of boxes) box.remove();
      frame.prepend(...Array.from({ length: count }, () => make('span', { class: 'box', part: 'box', 'aria-hidden': 'true' })));
      this.#frame.style.setProperty('--otp-cells', String(count));
    }
    const typed = this.#at('code').value.length;
    frame.querySelectorAll('.box').forEach((box, n) => {
      setState(box, 'data-full', String(n < typed));
      setState(box, 'data-next', String(n === Math.min(typed, count - 1)));
    });
  }

  /** Leaves nothing but digits in the field, and the caret alone while there is nothing else. */
  #takeCode() {
    const field = this.#at('code');
    const digits = normaliseCode(field.value).slice(0, this.#codeLength);
    if (digits !== field.value) field.value = digits;
    this.#showBoxes();
    return digits;
  }

  #listen() {
    const on = (id, name, handle) => this.#at(id).addEventListener(name, handle);
    on('email-form', 'submit', (event) => {
      event.preventDefault();
      this.#act.request(this.email);
    });
    on('code-form', 'submit', (event) => {
      event.preventDefault();
      const digits = this.#takeCode();
      if (digits.length >= CODE_LENGTH.min) this.#act.check(digits);
      else this.#at('code').focus();
    });
    on('code', 'input', () => {
      const digits = this.#takeCode();
      if (digits.length === this.#codeLength) this.#act.check(digits);
    });
    for (const what of ['resend', 'cancel', 'again']) on(what, 'click', () => this.#act[what]());
  }
}
