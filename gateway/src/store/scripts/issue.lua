-- Issues a verification: limits, cooldown, supersede, write. One slot, one round trip, safe to run again.
--
-- KEYS: 1 the verification, 2 the recipient's current verification for this purpose, 3 times of sends, 4 cooldown
-- ARGV: 1 suffix of the id, 2 key prefix of verifications, 3 code hash, 4 sealed record, 5 life of the code,
--       6 life of the keys beyond it, 7 guesses, 8 cooldown, 9 longest cooldown, 10 "1" when the recipient is limited,
--       11.. pairs of count and period (all times in ms)
-- Answers {"issued", now, expires, resend, guesses, generation, requested, record, superseded},
--      {"existing", the same} or {"refused", number of the limit or 0 for the cooldown, wait, ...}
local now = clock()

local ttl, retention = tonumber(ARGV[5]), tonumber(ARGV[6])
local existing = redis.call('HMGET', KEYS[1], 'st', 'x', 'n', 'a', 'g', 'r', 'rec')
if existing[1] then
  local superseded = ''
  if existing[1] == 'pending' then superseded = take_over(KEYS[2], ARGV[2], ARGV[1], now, ttl + retention) end
  return {'existing', now, tonumber(existing[2]), tonumber(existing[3]), tonumber(existing[4]),
    tonumber(existing[5]), tonumber(existing[6]), existing[7], superseded}
end

local cooldown, longest = tonumber(ARGV[8]), tonumber(ARGV[9])
local wait = cooldown
if ARGV[10] == '1' then
  local refused = {'refused'}
  local cool = redis.call('HMGET', KEYS[4], 'at', 'wait')
  if cool[1] then
    local until_ms = tonumber(cool[1]) + tonumber(cool[2])
    if now < until_ms then
      table.insert(refused, 0)
      table.insert(refused, until_ms - now)
    end
    wait = longer(tonumber(cool[2]), cooldown, longest)
  end
  local most, period = weigh(refused, KEYS[3], now, 11)
  if #refused > 1 then return refused end
  spend(KEYS[3], now, most, period)
  cool_down(KEYS[4], now, wait)
end

local superseded = take_over(KEYS[2], ARGV[2], ARGV[1], now, ttl + retention)
redis.call('HSET', KEYS[1], 'st', 'pending', 'h', ARGV[3], 'rec', ARGV[4], 'a', ARGV[7], 'g', 1,
  'r', now, 'x', now + ttl, 'n', now + wait, 'w', wait)
redis.call('PEXPIRE', KEYS[1], ttl + retention)
return {'issued', now, now + ttl, now + wait, tonumber(ARGV[7]), 1, now, ARGV[4], superseded}
