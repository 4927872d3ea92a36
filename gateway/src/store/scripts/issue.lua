-- Issues a verification: limits, cooldown, supersede, write. One slot, one round trip, safe to run again.
--
-- KEYS: 1 the verification, 2 the recipient's current verification for this purpose, 3 times of sends, 4 cooldown,
--       5 the recipient's pause
-- ARGV: 1 suffix of the id, 2 key prefix of verifications, 3 code hash, 4 sealed record, 5 life of the code,
--       6 life of the keys beyond it, 7 guesses, 8 cooldown, 9 longest cooldown, 10 "1" when the recipient is limited,
--       11 nonce, 12.. pairs of count and period (all times in ms)
-- Answers {"issued", now, expires, resend, guesses, generation, requested, record (empty: the one given), superseded,
--      1 while the recipient wants no mails, else 0},
--      {"existing", the same} or {"refused", now, number of the limit or 0 for the cooldown, wait, ...}
local ttl, retention = tonumber(ARGV[5]), tonumber(ARGV[6])
local cooldown, longest, limited = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10] == '1'

-- Of nearly all requests neither is there.
local any = redis.call('EXISTS', KEYS[1], KEYS[5]) > 0
local paused = any and redis.call('EXISTS', KEYS[5]) or 0
local f = any and redis.call('HMGET', KEYS[1], 'st', 'x', 'n', 'a', 'g', 'r', 'rec', 'paid', 'older') or {}
local state, resend_at = f[1], f[3] and tonumber(f[3])
-- One that gave back what it had spent pays again before its mail goes out.
local pays = not state or (state == 'pending' and f[8] == '')
local wait, before = cooldown, ''
if pays and limited then
  local refused = {'refused', now}
  local cool = redis.call('HMGET', KEYS[4], 'at', 'wait')
  if cool[1] then
    local until_ms = tonumber(cool[1]) + tonumber(cool[2])
    if now < until_ms then
      table.insert(refused, 0)
      table.insert(refused, until_ms - now)
    end
    wait = longer(tonumber(cool[2]), cooldown, longest)
  end
  local most, period = weigh(refused, KEYS[3], 12)
  if #refused > 2 then return refused end
  -- What could fail while a slot moves comes before what cannot be left half done.
  local superseded = take_over(KEYS[2], ARGV[2], ARGV[1], ttl + retention)
  if superseded ~= '' or not state then f[9] = superseded end
  spend(KEYS[3], now, most, period)
  before = cool_down(KEYS[4], cool, wait)
elseif not state or state == 'pending' then
  local superseded = take_over(KEYS[2], ARGV[2], ARGV[1], ttl + retention)
  if superseded ~= '' or not state then f[9] = superseded end
end

if not state then
  local at = string.format('%.0f', now)
  redis.call('HSET', KEYS[1], 'st', 'pending', 'h', ARGV[3], 'rec', ARGV[4], 'a', ARGV[7], 'g', '1',
    'r', at, 'x', now + ttl, 'n', now + wait, 'w', wait, 'by', ARGV[11], 'paid', at)
  -- What is empty need not be there.
  if before ~= '' or f[9] ~= '' then redis.call('HSET', KEYS[1], 'before', before, 'older', f[9]) end
  redis.call('PEXPIRE', KEYS[1], ttl + retention)
  return {'issued', now, now + ttl, now + wait, tonumber(ARGV[7]), 1, now, '', f[9], paused}
end
if pays then
  resend_at = now + wait
  redis.call('HSET', KEYS[1], 'n', resend_at, 'w', wait, 'paid', now, 'before', before)
end
-- From now on this run answers for the verification: what an earlier one has to take back is not its own any more.
if state == 'pending' then redis.call('HSET', KEYS[1], 'by', ARGV[11], 'older', f[9] or '') end
return {'existing', now, tonumber(f[2]), resend_at, tonumber(f[4]), tonumber(f[5]), tonumber(f[6]), f[7],
  state == 'pending' and f[9] or '', paused}
