-- Cancels a verification that is still open. A repeated run with the same nonce gives the same answer.
--
-- KEYS: 1 the verification
-- ARGV: 1 nonce
-- Answers {"just-canceled" or the state that it had, now, generation}
return close(KEYS[1], ARGV[1])
