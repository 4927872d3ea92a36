-- Checks a code: counts the guess before comparing, compares, marks the verification as used. One slot, one round trip.
-- A repeated run with the same nonce gives the same answer and counts nothing.
--
-- KEYS: 1 the verification, 2 times of wrong guesses of the recipient, 3 the recipient's cooldown
-- ARGV: 1 nonce, 2 number of candidate hashes, then the candidates, then pairs of count and period (ms) of wrong guesses
-- Answers {outcome, now, guesses left, generation, stored hash, sealed record, wait until a new request (ms)}
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local f = redis.call('HMGET', KEYS[1], 'st', 'h', 'a', 'x', 'g', 'n', 'rec', 'nonce', 'said', 'vat')
local state = f[1]
if not state then return {'missing', now, 0, 0, '', '', 0} end
local left, generation, wait = tonumber(f[3]), tonumber(f[5]), math.max(tonumber(f[6]) - now, 0)
if f[8] == ARGV[1] then
  return {f[9], tonumber(f[10] or now), left, generation, f[2], f[7], wait}
end
if state == 'pending' and now >= tonumber(f[4]) then
  redis.call('HSET', KEYS[1], 'st', 'expired')
  return {'just-expired', now, left, generation, '', '', wait}
end
if state ~= 'pending' then return {state, now, left, generation, '', '', wait} end

local candidates = tonumber(ARGV[2])
local most, period = 0, 0
for i = 3 + candidates, #ARGV, 2 do
  local count, span = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local nth = redis.call('LINDEX', KEYS[2], count - 1)
  if nth and tonumber(nth) + span > now then
    return {'exhausted', now, left, generation, '', '', tonumber(nth) + span - now}
  end
  most, period = math.max(most, count), math.max(period, span)
end

left = left - 1
redis.call('HSET', KEYS[1], 'a', left)
local right = false
for i = 3, 2 + candidates do
  if ARGV[i] == f[2] then right = true end
end
local said
if right then
  said = 'verified'
  redis.call('HSET', KEYS[1], 'st', 'verified', 'vat', now)
  redis.call('DEL', KEYS[3])
else
  if most > 0 then
    redis.call('LPUSH', KEYS[2], now)
    redis.call('LTRIM', KEYS[2], 0, most - 1)
    redis.call('PEXPIRE', KEYS[2], period)
  end
  said = 'incorrect'
  if left <= 0 then
    said = 'just-locked'
    redis.call('HSET', KEYS[1], 'st', 'locked')
  end
end
redis.call('HSET', KEYS[1], 'nonce', ARGV[1], 'said', said)
return {said, now, left, generation, f[2], f[7], wait}
