/**
 * The whole flow without a face, for pages that have their own: asks for a code, follows it, checks it. No DOM.
 *
 *     const otp = createVerification({ endpoint: 'https://otp.example.com', onChange: (view) => render(view) });
 *     await otp.request('ada@example.com');
 *     await otp.check('123456');
 */
import { Flow } from './flow.js';
/**
 * @param {object} options
 * @param {string} [options.endpoint] the gateway's origin; the page's own when it is left out
 * @param {string} [options.appKey] the application's publishable key; none where the service asks for none
 * @param {(view: import('./types.d.ts').View) => void} options.onChange called with every change, with all there is to show
 * @param {string} [options.name] tells apart several in the same tab, so that each finds its own after a reload
 * @returns {Flow} `request`, `check`, `resend`, `cancel`, `again`, and `resume` after a reload
 */
export declare function createVerification({ endpoint, appKey, onChange, name }: {
    endpoint?: string;
    appKey?: string;
    onChange: (view: import('./types.d.ts').View) => void;
    name?: string;
}): Flow;
/**
 * Tells a flow what the browser says of network and sleep, until the returned function is called.
 * @param {Flow} flow
 */
export declare function followBrowser(flow: Flow): () => void;
export { defineMessages, translatorFor } from './messages.js';
export { explain } from './problem.js';
export { headline, statusText } from './words.js';
