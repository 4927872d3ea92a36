-- Reads a verification.
--
-- KEYS: 1 the verification
-- Answers {state, now, expires, resend, guesses, generation, requested}; an open one whose time is over is "expired"
local f = redis.call('HMGET', KEYS[1], 'st', 'x', 'n', 'a', 'g', 'r')
if not f[1] then return {'missing', now, 0, 0, 0, 0, 0} end
local state = f[1]
if state == 'pending' and now >= tonumber(f[2]) then state = 'expired' end
return {state, now, tonumber(f[2]), tonumber(f[3]), tonumber(f[4]), tonumber(f[5]), tonumber(f[6])}
