package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/time/rate"
)

// Clocks of two machines differ by seconds.
const leeway = 10 * time.Second

// Claims is what a proof says. The address that was proven is the subject.
type Claims struct {
	EmailVerified bool           `json:"email_verified"`
	Purpose       string         `json:"purpose"`
	Metadata      map[string]any `json:"metadata"`
	jwt.RegisteredClaims
}

// Verifier is what a back end keeps for its whole life.
type Verifier struct {
	keys   keyfunc.Keyfunc
	parser *jwt.Parser
	used   UsedProofs
}

// NewVerifier fetches the key set, again every five minutes, and for a key that is not in it at most once in a
// cooldown, so that forged key ids do not become requests.
func NewVerifier(ctx context.Context, keySetURL, issuer, audience string, cooldown time.Duration) (*Verifier, error) {
	keys, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{keySetURL}, keyfunc.Override{
		HTTPTimeout:       5 * time.Second,
		RefreshInterval:   5 * time.Minute,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(cooldown), 1),
		// A forged key id waits for nothing.
		RateLimitWaitMax: time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"EdDSA"}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
	)
	return &Verifier{keys: keys, parser: parser}, nil
}

// Verify gives the claims of a proof for this purpose.
func (v *Verifier) Verify(token, purpose string) (*Claims, error) {
	var claims Claims
	if _, err := v.parser.ParseWithClaims(token, &claims, v.keys.Keyfunc); err != nil {
		return nil, err
	}
	if !claims.EmailVerified || claims.Subject == "" || claims.ID == "" {
		return nil, errors.New("not verified")
	}
	if claims.Purpose != purpose {
		return nil, errors.New("another purpose")
	}
	// Last, so that a token that is refused is not used up.
	if !v.used.First(claims.ID, claims.ExpiresAt.Add(leeway)) {
		return nil, errors.New("used before")
	}
	return &claims, nil
}

// UsedProofs tells which proofs were used, for one process. Several share a table with jti as its key, or Redis
// SET jti 1 NX EXAT.
type UsedProofs struct {
	mutex sync.Mutex
	until map[string]time.Time
}

// First tells whether this is the first use. Entries go when their token has ended by itself.
func (u *UsedProofs) First(jti string, until time.Time) bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	now := time.Now()
	for known, end := range u.until {
		if end.Before(now) {
			delete(u.until, known)
		}
	}
	if _, known := u.until[jti]; known {
		return false
	}
	if u.until == nil {
		u.until = make(map[string]time.Time)
	}
	u.until[jti] = until
	return true
}
