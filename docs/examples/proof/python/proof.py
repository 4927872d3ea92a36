"""Verifies a proof in a Python back end, with PyJWT."""

import threading
import time

import jwt

LEEWAY_S = 10
"""Clocks of two machines differ by seconds."""


class ProofVerifier:
    """What a back end keeps for its whole life.

    The key set is fetched once, again when it is older than five minutes, and for a key that is not in it at most
    every `cooldown_s` seconds, so that forged key ids do not become requests.
    """

    def __init__(self, key_set_url, issuer, audience, cooldown_s=30):
        self.keys = jwt.PyJWKClient(key_set_url, lifespan=300, timeout=5, cooldown_duration=cooldown_s)
        self.issuer = issuer
        self.audience = audience

    def verify(self, token, purpose, used):
        """The claims of a proof for this purpose, or an exception. The address that was proven is `sub`."""
        claims = jwt.decode(
            token,
            self.keys.get_signing_key_from_jwt(token),
            algorithms=["EdDSA"],
            issuer=self.issuer,
            audience=self.audience,
            leeway=LEEWAY_S,
            options={"require": ["iss", "aud", "sub", "jti", "iat", "exp"]},
        )
        if claims.get("email_verified") is not True:
            raise jwt.InvalidTokenError("not verified")
        if claims.get("purpose", "") != purpose:
            raise jwt.InvalidTokenError("another purpose")
        # Last, so that a token that is refused is not used up.
        if not used.first(claims["jti"], claims["exp"] + LEEWAY_S):
            raise jwt.InvalidTokenError("used before")
        return claims


class UsedProofs:
    """Which proofs were used, for one process.

    Several share a table with `jti` as its key, or Redis `SET jti 1 NX EXAT`.
    """

    def __init__(self):
        self.until = {}
        self.lock = threading.Lock()

    def first(self, jti, until):
        """Whether this is the first use. Entries go when their token has ended by itself."""
        with self.lock:
            now = time.time()
            self.until = {known: end for known, end in self.until.items() if end >= now}
            if jti in self.until:
                return False
            self.until[jti] = until
            return True
