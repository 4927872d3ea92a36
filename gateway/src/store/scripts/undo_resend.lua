-- Takes back a resend that could not be published: the person may ask again at once. The generation stays used.
--
-- KEYS: 1 the verification, 2 times of sends, 3 cooldown of the recipient
-- ARGV: 1 the time of the resend, 2 the generation that it made
if redis.call('HGET', KEYS[1], 'g') == ARGV[2] then
  local wait = tonumber(redis.call('HGET', KEYS[1], 'w'))
  redis.call('HSET', KEYS[1], 'n', ARGV[1], 'w', math.floor(wait / 2))
end
redis.call('LREM', KEYS[2], 1, ARGV[1])
if redis.call('HGET', KEYS[3], 'at') == ARGV[1] then redis.call('DEL', KEYS[3]) end
return 1
