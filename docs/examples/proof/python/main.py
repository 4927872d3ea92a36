"""main.py KEY_SET_URL ISSUER AUDIENCE PURPOSE [COOLDOWN_S]: a token a line in, its address or a refusal a line out."""

import sys

import jwt

from proof import ProofVerifier, UsedProofs

key_set_url, issuer, audience, purpose, *rest = sys.argv[1:]
verifier = ProofVerifier(key_set_url, issuer, audience, cooldown_s=float(rest[0]) if rest else 30)
used = UsedProofs()
for token in sys.stdin:
    try:
        print("ok", verifier.verify(token.strip(), purpose, used)["sub"], flush=True)
    except jwt.PyJWTError as error:
        print("refused", str(error).replace("\n", " "), flush=True)
