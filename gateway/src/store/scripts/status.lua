-- Reads a verification, unless it was read too often.
--
-- KEYS: 1 the verification, 2 times of reads
-- ARGV: pairs of count and period (ms) of reads
-- Answers {state, now, expires, resend, guesses, generation, requested}; an open one whose time is over is "expired";
--      or {"refused", now, number of the limit, wait, ...}
local f = redis.call('HMGET', KEYS[1], 'st', 'x', 'n', 'a', 'g', 'r')
if not f[1] then return {'missing', now, 0, 0, 0, 0, 0} end
local refused = {'refused', now}
local most, period = weigh(refused, KEYS[2], 1)
if #refused > 2 then return refused end
spend(KEYS[2], now, most, period)
local state = f[1]
if state == 'pending' and now >= tonumber(f[2]) then state = 'expired' end
return {state, now, tonumber(f[2]), tonumber(f[3]), tonumber(f[4]), tonumber(f[5]), tonumber(f[6])}
