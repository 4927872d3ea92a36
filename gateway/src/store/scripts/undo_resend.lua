-- Takes back a resend whose mail nobody stored: the person may ask again at once. The generation stays used. Running it
-- again changes nothing.
--
-- KEYS: 1 the verification, 2 times of sends, 3 cooldown of the recipient
-- ARGV: 1 the resend's nonce, 2 until when it may still come (ms)
if too_early(ARGV[2]) then return {'early', now} end
local f = redis.call('HMGET', KEYS[1], 'resent', 'rat', 'rn', 'rw', 'rbefore')
if f[1] ~= ARGV[1] then return {'nothing', now} end
redis.call('LREM', KEYS[2], 1, f[2])
warm_up(KEYS[3], f[2], f[5])
redis.call('HSET', KEYS[1], 'resent', '', 'n', f[3], 'w', f[4])
return {'undone', now}
