-- Cancels a verification that is still open.
--
-- KEYS: 1 the verification
-- Answers {"just-canceled" or the state that it had, now, generation}
local now = clock()
local f = redis.call('HMGET', KEYS[1], 'st', 'x', 'g')
if not f[1] then return {'missing', now, 0} end
if f[1] ~= 'pending' then return {f[1], now, tonumber(f[3])} end
if now >= tonumber(f[2]) then
  redis.call('HSET', KEYS[1], 'st', 'expired')
  return {'just-expired', now, tonumber(f[3])}
end
redis.call('HSET', KEYS[1], 'st', 'canceled')
return {'just-canceled', now, tonumber(f[3])}
