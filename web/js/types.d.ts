/** Shapes that the modules share; the browser never loads this file. */

export type Phase =
  | 'idle' | 'queued' | 'sending' | 'deferred' | 'sent' | 'failed'
  | 'verified' | 'expired' | 'locked' | 'canceled' | 'superseded';

export type Step = 'queued' | 'sending' | 'sent' | 'verified';
export type StepState = 'todo' | 'active' | 'done' | 'deferred' | 'failed';

/** A line of the log. */
export interface Entry {
  /** Counts from 0 within a verification. */
  n: number;
  /** An event is the service's, a note is ours or the connection's. */
  kind: 'event' | 'note';
  /** Null for a note, and for an event that came with a status answer. */
  seq: number | null;
  event: string;
  /** RFC 3339. */
  at: string | null;
  data: Record<string, unknown>;
}

export interface Verification {
  phase: Phase;
  /** How far the present mail got. */
  reached: 'queued' | 'sending' | 'sent';
  /** Whether any mail with this code left. */
  everSent: boolean;
  id: string | null;
  /** Masked. */
  email: string | null;
  expiresAtMs: number | null;
  resendAtMs: number | null;
  attemptsLeft: number | null;
  /** Whether the last guess was wrong. */
  wrongCode: boolean;
  /** The mailer's, from 1. */
  attempt: number | null;
  /** While deferred. */
  nextAttemptAtMs: number | null;
  /** Why it is deferred or failed. */
  reason: string | null;
  /** The relay's words. */
  reply: string | null;
  /** From taking the request up to the relay's 250. */
  elapsedMs: number | null;
  /** When a step was begun or done, RFC 3339. */
  times: Partial<Record<Step, string>>;
  /** The signed proof, where this client's guess was the right one. */
  token: string | null;
  /** Expired by our own clock, which the service may still contradict. */
  guessed: boolean;
  timeline: readonly Entry[];
  /** How many entries there were, with those dropped from the front. */
  entries: number;
  lastSeq: number | null;
  /** Events that this version does not understand. */
  unknown: number;
}

export type Action =
  | { type: 'accepted'; answer: Accepted }
  | { type: 'resent'; answer: Accepted }
  | { type: 'event'; event: { event: string; at?: string; seq?: number; data?: Record<string, unknown> } }
  | { type: 'status'; answer: Record<string, unknown> }
  | { type: 'checked'; answer: { verified_at: string; token: string } }
  | { type: 'refused'; slug: string; attemptsLeft: number | null }
  | { type: 'note'; name: string; at: string; data?: Record<string, unknown> }
  | { type: 'canceled' | 'time-over' | 'forgotten' };

/** The 202. */
export interface Accepted {
  id: string;
  status: string;
  /** Masked. */
  email: string;
  expires_at: string;
  resend_at: string;
  attempts_left: number;
  /** Where the service tells it: the code is submitted by itself at this length. */
  code_length?: number;
  events: { url: string; ticket: string };
}

/** What a reload needs: no address in clear, no code, no proof. */
export interface Saved {
  id: string;
  email: string;
  expires_at: string;
  resend_at: string;
  code_length?: number;
  events: { url: string; ticket: string };
  /** Events up to this one are skipped: those of a mail that failed before a resend. */
  after: number | null;
  /** The service's clock minus ours. */
  offsetMs: number;
}

export interface ProblemFields {
  /** The last segment of `type`, or `network` or `timeout` where there was no answer. */
  slug: string;
  /** 0 where there was no answer. */
  status?: number;
  title?: string | null;
  detail?: string | null;
  attemptsLeft?: number | null;
  retryAfterMs?: number | null;
  challenge?: Challenge | null;
  /** The limits that refuse: `cooldown`, `recipient-3600s`, `ip-60s` and so on. */
  policies?: string[];
}

/** Proof of work by the ALTCHA protocol, version 2. */
export interface Challenge {
  parameters: {
    algorithm: string;
    /** Rounds of the derivation. */
    cost: number;
    keyLength: number;
    /** What the key that is looked for begins with, in hex. */
    keyPrefix: string;
    nonce: string;
    salt: string;
    /** Seconds since 1970. */
    expiresAt?: number;
    [name: string]: unknown;
  };
  signature: string;
}

/** What the modules need of the browser, and a test replaces. */
export interface Environment extends Clock {
  createSocket(url: string, protocol: string): WebSocket;
  /** In [0, 1). */
  random(): number;
  isOnline(): boolean;
}

export interface Clock {
  now(): number;
  setTimeout(run: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
}

export type Question = 'request' | 'check' | 'resend' | 'cancel';

export interface View {
  verification: Verification;
  connection: { name: string; failures: number; retryAt?: number; reason?: string };
  /** What is being asked of the API. */
  busy: Question | null;
  /** Whether a request waits for its proof of work; `cancel` ends that. */
  proving: boolean;
  problem: { what: Question; problem: import('./problem.js').Problem } | null;
  /** Until when, on our clock, the service wants to be left alone, by what was asked. */
  waits: Partial<Record<Question, number>>;
  codeLength: number | undefined;
  measured: Measured;
  /** Lets its holder watch, read and cancel this verification. */
  ticket: string | null;
}

/** On our own clock, in ms; null where this page did not see it, as after a reload. */
export interface Measured {
  /** From the request up to the 202. */
  answerMs: number | null;
  /** From the request up to the event `sent`, as it arrived here. */
  sentMs: number | null;
}

/** What is asked of the service. */
export interface Wish {
  email: string;
  purpose?: string;
  locale?: string;
  metadata?: object;
  /** Proof of work, where the service asked for it. */
  altcha?: string;
}

/** A table of texts: `{name}` is filled in; what depends on a count has a text for each plural category. */
export interface Messages {
  /** The language's own name for itself. */
  name?: string;
  dir?: 'ltr' | 'rtl';
  [key: string]: string | Partial<Record<Intl.LDMLPluralRule, string>> | undefined;
}

/** Text for a key, with values filled in. */
export interface Translate {
  (key: string, values?: Record<string, string | number>): string;
  locale: string;
  dir: 'ltr' | 'rtl';
}

export type Station = 'you' | 'gateway' | 'jetstream' | 'mailer' | 'relay' | 'mailbox';

/** A stop on the way of a code. */
export interface Stop {
  station: Station;
  state: StepState;
  /** When it was reached, RFC 3339, by the clock of the part that reached it. */
  at: string | null;
  /** What the hop to it took. */
  hopMs: number | null;
}

export interface FlowParts {
  api: import('./api.js').Api;
  session: import('./session.js').Session;
  openEvents: (subscription: import('./events-client.js').Subscription) => import('./events-client.js').EventsClient;
  clock: Clock;
  /** Solves a challenge; without it none is solved. */
  prove?: (challenge: Challenge, signal: AbortSignal) => Promise<string>;
  onChange: (view: View) => void;
}

/** What a person asks for in the element. */
export interface Acts {
  request(email: string): void;
  check(code: string): void;
  resend(): void;
  cancel(): void;
  again(): void;
}

/** `detail` of the element's events. */
export interface OtpEvents {
  'otp-progress': CustomEvent<{ phase: Phase; reason: string | null; email: string | null }>;
  'otp-verified': CustomEvent<{ id: string; token: string }>;
  'otp-failed': CustomEvent<{ phase: Phase; reason: string | null }>;
  'otp-problem': CustomEvent<{ what: Question; slug: string; retryAfterMs: number | null }>;
  'otp-change': CustomEvent<View>;
  'otp-locale': CustomEvent<{ locale: string; dir: 'ltr' | 'rtl' }>;
}

declare global {
  interface HTMLElementTagNameMap {
    'otp-verify': import('./otp-verify.js').OtpVerify;
  }
  interface HTMLElementEventMap extends OtpEvents {}
}
