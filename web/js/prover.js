/**
 * Has a challenge solved without holding up the page: in a worker where this file is the page's own. A page of another
 * origin may not start our worker, and a strict policy forbids what would get around that; there the browser derives the
 * keys beside the page anyway, and where it does not, they are derived in slices.
 */

import { solve } from './proof-of-work.js';

/**
 * @param {import('./types.d.ts').Challenge} challenge
 * @param {AbortSignal} signal
 * @returns {Promise<string>} what a request carries as `altcha`
 */
export async function prove(challenge, signal) {
  const worker = startWorker();
  if (!worker) return solve(challenge, { signal });
  try {
    return await answerOf(worker, challenge, signal);
  } catch (error) {
    // It did not start, or its files did not load: what it would have done can be done here.
    if (error.name !== 'NetworkError') throw error;
    return await solve(challenge, { signal });
  } finally {
    worker.terminate();
  }
}

function startWorker() {
  const file = new URL('./proof-worker.js', import.meta.url);
  if (typeof Worker === 'undefined' || file.origin !== globalThis.location?.origin) return null;
  try {
    return new Worker(file, { type: 'module' });
  } catch {
    return null;
  }
}

function answerOf(worker, challenge, signal) {
  return new Promise((resolve, reject) => {
    const fail = (name) => reject(new DOMException('', name));
    worker.addEventListener('message', ({ data: { payload, name } }) => (payload ? resolve(payload) : fail(name)));
    worker.addEventListener('error', () => fail('NetworkError'));
    signal.addEventListener('abort', () => fail('AbortError'));
    if (signal.aborted) fail('AbortError');
    worker.postMessage(challenge);
  });
}
