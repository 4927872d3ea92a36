-- Claims an idempotency key for a request (draft-ietf-httpapi-idempotency-key-header). A repeated run with the same
-- nonce gives the same answer.
--
-- KEYS: 1 the idempotency key's record
-- ARGV: 1 fingerprint of the request, 2 id for a new verification, 3 longest time under way, 4 life of the record (ms),
--       5 nonce
-- Answers {"claimed", now, id}, {"done", now, id, answer}, {"busy", now, wait} or {"other", now}
local f = redis.call('HMGET', KEYS[1], 'fp', 'id', 'until', 'answer', 'by')
if not f[1] then
  redis.call('HSET', KEYS[1], 'fp', ARGV[1], 'id', ARGV[2], 'until', now + ARGV[3], 'by', ARGV[5])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return {'claimed', now, ARGV[2]}
end
if f[1] ~= ARGV[1] then return {'other', now} end
if f[4] then return {'done', now, f[2], f[4]} end
if f[5] ~= ARGV[5] then
  if now < tonumber(f[3]) then return {'busy', now, tonumber(f[3]) - now} end
  redis.call('HSET', KEYS[1], 'until', now + ARGV[3], 'by', ARGV[5])
end
return {'claimed', now, f[2]}
