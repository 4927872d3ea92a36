-- Notes that a solved challenge is used for a request, or says that it was used for another.
--
-- KEYS: 1 the challenge's use
-- ARGV: 1 whose request it is: the verification, the same for each retry, 2 nonce, 3 life (ms)
-- Answers {"redeemed", now} or {"used", now}
local use = redis.call('GET', KEYS[1])
if use and string.match(use, '^(%S+) ') ~= ARGV[1] then return {'used', now} end
-- The last retry's nonce counts: one that was taken back late must not free what a later one holds.
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return {'redeemed', now}
