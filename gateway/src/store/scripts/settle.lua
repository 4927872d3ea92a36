-- Ends the work under an idempotency key: with an answer to repeat, or open for another try with the same id.
--
-- KEYS: 1 the idempotency key's record
-- ARGV: 1 answer, or empty
if redis.call('EXISTS', KEYS[1]) == 0 then return {'missing', now} end
if ARGV[1] == '' then
  redis.call('HSET', KEYS[1], 'until', 0)
else
  redis.call('HSET', KEYS[1], 'answer', ARGV[1])
end
return {'settled', now}
