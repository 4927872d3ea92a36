-- Counts a request against limits, or says which refuse it; a refused one spends nothing.
--
-- KEYS: 1 times of requests
-- ARGV: 1 nonce in digits, 2.. pairs of count and period (ms)
-- Answers {"taken", now} or {"refused", now, number of the limit, wait, ...}
if again then
  for _, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    if string.match(entry, '%.(%d+)$') == ARGV[1] then return {'taken', now} end
  end
end
local refused = {'refused', now}
local most, period = weigh(refused, KEYS[1], 2)
if #refused > 2 then return refused end
-- The nonce stands behind the point: the entry is a time as all others are, and can be found again.
spend(KEYS[1], now .. '.' .. ARGV[1], most, period)
return {'taken', now}
