// node main.mjs KEY_SET_URL ISSUER AUDIENCE PURPOSE [COOLDOWN_S]: a token a line in, its address or a refusal a line out.
import { createInterface } from 'node:readline';
import { proofVerifier, UsedProofs } from './proof.mjs';

const [keySetUrl, issuer, audience, purpose, cooldownS = '30'] = process.argv.slice(2);
const verify = proofVerifier({ keySetUrl, issuer, audience, cooldownS: Number(cooldownS) });
const used = new UsedProofs();
for await (const token of createInterface({ input: process.stdin })) {
  try {
    console.log(`ok ${(await verify(token, purpose, used)).sub}`);
  } catch (error) {
    console.log(`refused ${error.message.replaceAll('\n', ' ')}`);
  }
}
