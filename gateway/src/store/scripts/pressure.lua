-- How full the fullest of some limits is; changes nothing.
--
-- KEYS: 1 times of requests
-- ARGV: fours of period (ms) and the counts from which on the levels 1, 2 and 3 are reached
-- Answers {"pressure", now, level}
local level = 0
for i = 1, #ARGV, 4 do
  for reached = level + 1, 3 do
    local nth = redis.call('LINDEX', KEYS[1], ARGV[i + reached] - 1)
    if nth and tonumber(nth) + ARGV[i] > now then level = reached end
  end
end
return {'pressure', now, level}
