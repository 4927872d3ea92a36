-- Reads what became of a request under an idempotency key; changes nothing.
--
-- KEYS: 1 the idempotency key's record
-- ARGV: 1 fingerprint of the request
-- Answers {"nothing", now}, {"done", now, id, answer}, {"busy", now, wait} or {"other", now}
local f = redis.call('HMGET', KEYS[1], 'fp', 'id', 'until', 'answer')
if not f[1] then return {'nothing', now} end
if f[1] ~= ARGV[1] then return {'other', now} end
if f[4] then return {'done', now, f[2], f[4]} end
if now < tonumber(f[3]) then return {'busy', now, tonumber(f[3]) - now} end
return {'nothing', now}
