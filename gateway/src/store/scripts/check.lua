-- Checks a code: counts the guess before comparing, compares, marks the verification as used. One slot, one round trip.
-- A repeated run with the same nonce gives the same answer and counts nothing.
--
-- KEYS: 1 the verification, 2 times of wrong guesses of the recipient, 3 the recipient's cooldown
-- ARGV: 1 nonce, 2 number of candidate hashes, then the candidates, then pairs of count and period (ms) of wrong guesses
-- Answers {outcome, now, guesses left, generation, stored hash, sealed record, wait until a new request (ms), time}
local f = redis.call('HMGET', KEYS[1], 'st', 'h', 'a', 'x', 'g', 'n', 'rec', 'nonce', 'said', 'vat')
local state = f[1]
if not state then return {'missing', now, 0, 0, '', '', 0, now} end
local left, generation, wait = tonumber(f[3]), tonumber(f[5]), math.max(tonumber(f[6]) - now, 0)
if f[8] == ARGV[1] then
  return {f[9], now, left, generation, f[2], f[7], wait, tonumber(f[10] or now)}
end
if state == 'pending' and now >= tonumber(f[4]) then
  redis.call('HSET', KEYS[1], 'st', 'expired')
  return {'just-expired', now, left, generation, '', '', wait, now}
end
if state ~= 'pending' then return {state, now, left, generation, '', '', wait, now} end

local candidates = tonumber(ARGV[2])
local refused = {}
local most, period = weigh(refused, KEYS[2], 3 + candidates)
if #refused > 0 then return {'exhausted', now, left, generation, '', '', refused[#refused], now} end

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
  spend(KEYS[2], now, most, period)
  said = 'incorrect'
  if left <= 0 then
    said = 'just-locked'
    redis.call('HSET', KEYS[1], 'st', 'locked')
  end
end
redis.call('HSET', KEYS[1], 'nonce', ARGV[1], 'said', said, 'gat', now)
return {said, now, left, generation, f[2], f[7], wait, now}
