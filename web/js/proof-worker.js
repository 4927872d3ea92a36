/** Solves one challenge beside the page. */

import { solve } from './proof-of-work.js';

addEventListener('message', async ({ data: challenge }) => {
  try {
    postMessage({ payload: await solve(challenge) });
  } catch ({ name }) {
    postMessage({ name });
  }
});
