-- Gives back what a request spent that was not accepted in the end: its place among the limits, and the verification
-- that it took the place of. Running it again changes nothing. What it wrote itself stays: if the request was stored
-- all the same, its mail carries a code that works.
--
-- KEYS: 1 times of sends, 2 cooldown, 3 the recipient's current verification for this purpose
-- ARGV: 1 the time that was spent (ms), or empty, 2 suffix of the id, 3 suffix of the superseded one, or empty,
--       4 key prefix of verifications
if ARGV[1] ~= '' then
  redis.call('LREM', KEYS[1], 1, ARGV[1])
  if redis.call('HGET', KEYS[2], 'at') == ARGV[1] then redis.call('DEL', KEYS[2]) end
end
if ARGV[3] ~= '' and redis.call('GET', KEYS[3]) == ARGV[2] then
  local older = ARGV[4] .. ARGV[3]
  local life = redis.call('PTTL', older)
  if life > 0 and redis.call('HGET', older, 'st') == 'superseded' then
    redis.call('HSET', older, 'st', 'pending')
    redis.call('SET', KEYS[3], ARGV[3], 'PX', life)
  end
end
return 1
