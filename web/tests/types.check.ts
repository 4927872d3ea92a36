// What an application writes in TypeScript. Compiled under `strict` by scripts/types.mjs, never run.
import { defineMessages, OtpVerify } from '../js/otp-verify.js';
import { createVerification, followBrowser, statusText, translatorFor } from '../js/client.js';
import { EventsClient } from '../js/events-client.js';

const element = document.createElement('otp-verify');
element.endpoint = 'https://otp.example.com';
element.required = true;
const proof: string = element.value;
const isOurs: boolean = element instanceof OtpVerify;
element.addEventListener('otp-verified', ({ detail }) => detail.token.split('.'));
element.addEventListener('otp-problem', ({ detail }) => detail.slug.length + (detail.retryAfterMs ?? 0));
// @ts-expect-error: there is no such member
element.addEventListener('otp-verified', ({ detail }) => detail.code);
// @ts-expect-error: the proof is the service's to give
element.value = proof;
element.view?.verification.timeline.map(({ event, seq }) => `${event} ${seq ?? ''}`);
defineMessages('nl', { name: 'Nederlands', send: 'Stuur de code', guesses: { one: 'Nog een poging.', other: 'Nog {count} pogingen.' } });

const flow = createVerification({ onChange: ({ verification, problem }) => [verification.phase, problem?.problem.slug, isOurs] });
const leave: () => void = followBrowser(flow);
await flow.request({ email: 'ada@example.com', purpose: 'signup' });
await flow.check('123456');
// @ts-expect-error: an address is needed
await flow.request({ purpose: 'signup' });
const words = await translatorFor(['nl-BE', 'en']);
statusText(flow.view.verification, words).trim();
leave();

new EventsClient({ url: 'wss://otp.example.com/v1/events', id: 'x', ticket: 't', onEvent: ({ seq, event }) => [seq.toFixed(), event] }).start();
