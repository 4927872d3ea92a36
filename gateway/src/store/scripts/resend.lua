-- Allows another mail with the same code: cooldown, limits, the next generation. One slot, one round trip.
--
-- KEYS: 1 the verification, 2 times of sends, 3 cooldown of the recipient
-- ARGV: 1 cooldown, 2 longest cooldown, 3 "1" when the recipient is limited, 4.. pairs of count and period (ms)
-- Answers {"allowed", now, expires, resend, guesses, generation, requested, record}, {"refused", ...} as issue does,
--      or {state}
local now = clock()

local f = redis.call('HMGET', KEYS[1], 'st', 'x', 'n', 'w', 'a', 'g', 'r', 'rec')
if not f[1] then return {'missing'} end
if f[1] == 'pending' and now >= tonumber(f[2]) then
  redis.call('HSET', KEYS[1], 'st', 'expired')
  return {'just-expired', tonumber(f[6])}
end
if f[1] ~= 'pending' then return {f[1]} end

local cooldown, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local refused = {'refused'}
if now < tonumber(f[3]) then
  table.insert(refused, 0)
  table.insert(refused, tonumber(f[3]) - now)
end
local most, period = 0, 0
if ARGV[3] == '1' then
  most, period = weigh(refused, KEYS[2], now, 4)
end
if #refused > 1 then return refused end

local wait = longer(tonumber(f[4]), cooldown, longest)
if ARGV[3] == '1' then
  spend(KEYS[2], now, most, period)
  cool_down(KEYS[3], now, wait)
end
local generation = redis.call('HINCRBY', KEYS[1], 'g', 1)
redis.call('HSET', KEYS[1], 'n', now + wait, 'w', wait)
return {'allowed', now, tonumber(f[2]), now + wait, tonumber(f[5]), generation, tonumber(f[7]), f[8]}
