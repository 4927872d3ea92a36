-- Counts a request against limits, or says which refuse it; a refused one spends nothing.
--
-- KEYS: 1 times of requests
-- ARGV: pairs of count and period (ms)
-- Answers {"taken", now} or {"refused", number of the limit, wait, ...}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local refused, most, period = {'refused'}, 0, 0
for i = 1, #ARGV, 2 do
  local count, span = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local nth = redis.call('LINDEX', KEYS[1], count - 1)
  if nth and tonumber(nth) + span > now then
    table.insert(refused, (i + 1) / 2)
    table.insert(refused, tonumber(nth) + span - now)
  end
  most, period = math.max(most, count), math.max(period, span)
end
if #refused > 1 then return refused end
redis.call('LPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], 0, most - 1)
redis.call('PEXPIRE', KEYS[1], period)
return {'taken', now}
