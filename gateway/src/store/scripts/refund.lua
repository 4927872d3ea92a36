-- Gives back what a request spent that was not accepted in the end. Running it again changes nothing.
--
-- KEYS: 1 times of sends, 2 cooldown
-- ARGV: 1 the time that was spent (ms)
redis.call('LREM', KEYS[1], 1, ARGV[1])
if redis.call('HGET', KEYS[2], 'at') == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
