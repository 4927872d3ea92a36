-- Gives back what a request spent that was not accepted in the end: its place among the limits, the cooldown, and the
-- verification that it took the place of. Running it again changes nothing. What it wrote itself stays: if the request
-- was stored all the same, its mail carries a code that works.
--
-- KEYS: 1 the verification, 2 the recipient's current verification for this purpose, 3 times of sends, 4 cooldown
-- ARGV: 1 suffix of the id, 2 key prefix of verifications, 3 the request's nonce, 4 until when it may still come (ms)
if too_early(ARGV[4]) then return {'early', now} end
local f = redis.call('HMGET', KEYS[1], 'by', 'paid', 'before', 'older')
if f[1] ~= ARGV[3] then return {'nothing', now} end
-- The key of the older one is not among KEYS: read first, so that a slot that moves leaves nothing half done.
if f[4] and f[4] ~= '' and redis.call('GET', KEYS[2]) == ARGV[1] then
  local older = ARGV[2] .. f[4]
  local life = redis.call('PTTL', older)
  if life > 0 and redis.call('HGET', older, 'st') == 'superseded' then
    redis.call('HSET', older, 'st', 'pending')
    redis.call('SET', KEYS[2], f[4], 'PX', life)
  end
end
if f[2] ~= '' then
  redis.call('LREM', KEYS[3], 1, f[2])
  warm_up(KEYS[4], f[2], f[3])
end
redis.call('HSET', KEYS[1], 'by', '', 'paid', '', 'before', '', 'older', '')
return {'undone', now}
