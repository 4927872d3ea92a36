-- Cancels a verification that is still open. A repeated run with the same nonce gives the same answer.
--
-- KEYS: 1 the verification
-- ARGV: 1 nonce
-- Answers {"just-canceled" or the state that it had, now, generation}
local f = redis.call('HMGET', KEYS[1], 'st', 'x', 'g', 'canceler')
if not f[1] then return {'missing', now, 0} end
if f[4] == ARGV[1] then return {'just-canceled', now, tonumber(f[3])} end
if f[1] ~= 'pending' then return {f[1], now, tonumber(f[3])} end
if now >= tonumber(f[2]) then
  redis.call('HSET', KEYS[1], 'st', 'expired')
  return {'just-expired', now, tonumber(f[3])}
end
redis.call('HSET', KEYS[1], 'st', 'canceled', 'canceler', ARGV[1])
return {'just-canceled', now, tonumber(f[3])}
