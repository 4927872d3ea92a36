-- Allows another mail with the same code: cooldown, limits, the next generation. One slot, one round trip. A repeated
-- run with the same nonce gives the same answer and counts nothing.
--
-- KEYS: 1 the verification, 2 times of sends, 3 cooldown of the recipient, 4 the recipient's pause
-- ARGV: 1 cooldown, 2 longest cooldown, 3 "1" when the recipient is limited, 4 nonce, 5.. pairs of count and period (ms)
-- Answers {"allowed", now, expires, resend, guesses, generation, requested, record, 1 while the recipient wants no
--      mails, else 0}, {"refused", ...} as issue does, or {state, now, generation}
local f = redis.call('HMGET', KEYS[1], 'st', 'x', 'n', 'w', 'a', 'g', 'r', 'rec', 'resent')
if not f[1] then return {'missing', now} end
if f[1] == 'pending' and now >= tonumber(f[2]) then
  redis.call('HSET', KEYS[1], 'st', 'expired')
  return {'just-expired', now, tonumber(f[6])}
end
if f[1] ~= 'pending' then return {f[1], now} end
if f[9] == ARGV[4] then
  return {'allowed', now, tonumber(f[2]), tonumber(f[3]), tonumber(f[5]), tonumber(f[6]), tonumber(f[7]), f[8],
    redis.call('EXISTS', KEYS[4])}
end

local cooldown, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local refused = {'refused', now}
if now < tonumber(f[3]) then
  table.insert(refused, 0)
  table.insert(refused, tonumber(f[3]) - now)
end
local most, period = 0, 0
if ARGV[3] == '1' then
  most, period = weigh(refused, KEYS[2], 5)
end
if #refused > 2 then return refused end

local wait, before = longer(tonumber(f[4]), cooldown, longest), ''
if ARGV[3] == '1' then
  spend(KEYS[2], now, most, period)
  before = cool_down(KEYS[3], redis.call('HMGET', KEYS[3], 'at', 'wait'), wait)
end
local generation = redis.call('HINCRBY', KEYS[1], 'g', 1)
redis.call('HSET', KEYS[1], 'n', now + wait, 'w', wait,
  'resent', ARGV[4], 'rat', now, 'rn', f[3], 'rw', f[4], 'rbefore', before)
return {'allowed', now, tonumber(f[2]), now + wait, tonumber(f[5]), generation, tonumber(f[7]), f[8],
  redis.call('EXISTS', KEYS[4])}
