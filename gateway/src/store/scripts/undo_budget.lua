-- Gives back what a mail took of a day's budget, as long as its nonce is remembered. Running it again changes nothing.
--
-- KEYS: 1 the day and what it has spent, 2 nonces of the last minute
-- ARGV: 1 nonce, 2 until when it may still come (ms)
if too_early(ARGV[2]) then return {'early', now} end
local at = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not at then return {'nothing', now} end
redis.call('ZREM', KEYS[2], ARGV[1])
local f = redis.call('HMGET', KEYS[1], 'day', 'spent')
if f[1] and tonumber(f[1]) == math.floor(tonumber(at) / 86400000) and tonumber(f[2]) > 0 then
  redis.call('HSET', KEYS[1], 'spent', tonumber(f[2]) - 1)
end
return {'undone', now}
