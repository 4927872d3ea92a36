-- Claims an idempotency key for a request (draft-ietf-httpapi-idempotency-key-header).
--
-- KEYS: 1 the idempotency key's record
-- ARGV: 1 fingerprint of the request, 2 id for a new verification, 3 longest time under way, 4 life of the record (ms)
-- Answers {"claimed", id}, {"done", id, answer}, {"busy", wait} or {"other"}
local now = clock()
local f = redis.call('HMGET', KEYS[1], 'fp', 'id', 'until', 'answer')
if not f[1] then
  redis.call('HSET', KEYS[1], 'fp', ARGV[1], 'id', ARGV[2], 'until', now + ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return {'claimed', ARGV[2]}
end
if f[1] ~= ARGV[1] then return {'other'} end
if f[4] then return {'done', f[2], f[4]} end
if now < tonumber(f[3]) then return {'busy', tonumber(f[3]) - now} end
redis.call('HSET', KEYS[1], 'until', now + ARGV[3])
return {'claimed', f[2]}
