// Verifies a proof in a Node back end, with jose.
import { createRemoteJWKSet, jwtVerify } from 'jose';

/** Clocks of two machines differ by seconds. */
const LEEWAY_S = 10;

/**
 * What a back end keeps for its whole life: the key set is fetched once, again when it is older than five minutes, and
 * for a key that is not in it at most every `cooldownS` seconds, so that forged key ids do not become requests.
 */
export function proofVerifier({ keySetUrl, issuer, audience, cooldownS = 30 }) {
  const keys = createRemoteJWKSet(new URL(keySetUrl), {
    cacheMaxAge: 300_000,
    cooldownDuration: cooldownS * 1000,
    timeoutDuration: 5_000,
  });

  /** The claims of a proof for this purpose, or an error. The address that was proven is `sub`. */
  return async function verify(token, purpose, used) {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ['EdDSA'],
      issuer,
      audience,
      clockTolerance: LEEWAY_S,
      requiredClaims: ['sub', 'jti', 'iat', 'exp'],
    });
    if (payload.email_verified !== true) throw new Error('not verified');
    if ((payload.purpose ?? '') !== purpose) throw new Error('another purpose');
    // Last, so that a token that is refused is not used up.
    if (!(await used.first(payload.jti, payload.exp + LEEWAY_S))) throw new Error('used before');
    return payload;
  };
}

/** Which proofs were used, for one process. Several share a table with `jti` as its key, or Redis `SET jti 1 NX EXAT`. */
export class UsedProofs {
  #until = new Map();

  /** Whether this is the first use. Entries go when their token has ended by itself. */
  async first(jti, until) {
    const now = Date.now() / 1000;
    for (const [known, end] of this.#until) if (end < now) this.#until.delete(known);
    if (this.#until.has(jti)) return false;
    this.#until.set(jti, until);
    return true;
  }
}
