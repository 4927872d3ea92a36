-- Takes a guess back whose answer nobody got: it is neither counted nor does it use the code up. Running it again
-- changes nothing.
--
-- KEYS: 1 the verification, 2 times of wrong guesses of the recipient
-- ARGV: 1 the guess's nonce, 2 until when it may still come (ms)
if too_early(ARGV[2]) then return {'early', now} end
local f = redis.call('HMGET', KEYS[1], 'nonce', 'said', 'gat')
if f[1] ~= ARGV[1] then return {'nothing', now} end
redis.call('HINCRBY', KEYS[1], 'a', 1)
redis.call('HSET', KEYS[1], 'st', 'pending', 'nonce', '')
redis.call('HDEL', KEYS[1], 'vat')
if f[2] ~= 'verified' then redis.call('LREM', KEYS[2], 1, f[3]) end
return {'undone', now}
