-- Counts a mail against a day's budget, or says how long until the next day (UTC); a refused one spends nothing. A
-- repeated run with the same nonce counts nothing.
--
-- KEYS: 1 the day and what it has spent, 2 nonces of the last minute
-- ARGV: 1 nonce, 2 how many may be spent
-- Answers {"taken", now} or {"refused", now, 1, wait}
local LENGTH, REMEMBERED = 86400000, 60000
if again and redis.call('ZSCORE', KEYS[2], ARGV[1]) then return {'taken', now} end
local day = math.floor(now / LENGTH)
local left = (day + 1) * LENGTH - now
local f = redis.call('HMGET', KEYS[1], 'day', 'spent')
local spent = tonumber(f[1] or -1) == day and tonumber(f[2]) or 0
if spent >= tonumber(ARGV[2]) then return {'refused', now, 1, left} end
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - REMEMBERED)
redis.call('PEXPIRE', KEYS[2], REMEMBERED)
redis.call('HSET', KEYS[1], 'day', day, 'spent', spent + 1)
redis.call('PEXPIRE', KEYS[1], left + REMEMBERED)
return {'taken', now}
