-- Counts a request against limits, or says which refuse it; a refused one spends nothing.
--
-- KEYS: 1 times of requests
-- ARGV: pairs of count and period (ms)
-- Answers {"taken", now} or {"refused", number of the limit, wait, ...}
local now = clock()
local refused = {'refused'}
local most, period = weigh(refused, KEYS[1], now, 1)
if #refused > 1 then return refused end
spend(KEYS[1], now, most, period)
return {'taken', now}
