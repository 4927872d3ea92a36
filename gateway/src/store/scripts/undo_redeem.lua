-- Gives back the solved challenge of a refused request. Running it again changes nothing.
--
-- KEYS: 1 the challenge's use
-- ARGV: 1 whose request it was, 2 its nonce, 3 until when it may still come (ms)
if too_early(ARGV[3]) then return {'early', now} end
if redis.call('GET', KEYS[1]) ~= ARGV[1] .. ' ' .. ARGV[2] then return {'nothing', now} end
redis.call('DEL', KEYS[1])
return {'undone', now}
