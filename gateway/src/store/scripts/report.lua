-- Cancels a verification that its recipient did not ask for, if it is still open, and notes that the recipient wants no
-- mails for a while. A repeated run with the same nonce gives the same answer.
--
-- KEYS: 1 the verification, 2 the recipient's pause
-- ARGV: 1 nonce, 2 length of the pause (ms), or 0 for none
-- Answers as cancel does
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[2], now, 'PX', ARGV[2]) end
return close(KEYS[1], ARGV[1])
