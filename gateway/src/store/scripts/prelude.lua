-- What the scripts share; stands before each of them.
--
-- Every call ends with two arguments more: "1" when it may have been run before, and the time (ms, on Redis's clock)
-- after which nobody waits for the answer, or nothing. A call that comes later than that does nothing: one that a
-- hanging server has kept spends nothing when the server wakes up.
--
-- Every answer begins with what happened and with the present time.

-- Redis's own clock in ms: all gateways see the same time.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local not_after = tonumber(table.remove(ARGV))
local again = table.remove(ARGV) == '1'
if not_after and now > not_after then return {'late', now} end

-- Limits over a list of times, newest first: at most `count` within any `span`. They stand in ARGV from `first` on, in
-- pairs. Appends the number of each limit that refuses and its wait to `refused`; gives what `spend` needs.
local function weigh(refused, times, first)
  local most, period = 0, 0
  for i = first, #ARGV, 2 do
    local count, span = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    local nth = redis.call('LINDEX', times, count - 1)
    if nth and tonumber(nth) + span > now then
      table.insert(refused, (i - first) / 2 + 1)
      table.insert(refused, math.ceil(tonumber(nth) + span - now))
    end
    most, period = math.max(most, count), math.max(period, span)
  end
  return most, period
end

-- Notes `entry`, the present time, in a list that `weigh` reads, which never grows beyond the largest count.
local function spend(times, entry, most, period)
  if most > 0 then
    redis.call('LPUSH', times, entry)
    redis.call('LTRIM', times, 0, most - 1)
    redis.call('PEXPIRE', times, period)
  end
end

-- Makes a recipient wait for the next mail; `before` has the fields of the last time. Gives what `warm_up` needs to take
-- it back.
local function cool_down(cooldown, before, wait)
  if wait > 0 then
    redis.call('HSET', cooldown, 'at', now, 'wait', wait)
    -- A recipient who waits as long again as the last cooldown starts over with the shortest.
    redis.call('PEXPIRE', cooldown, wait * 2 + 1000)
  end
  return before[1] and (before[1] .. ' ' .. before[2]) or ''
end

-- Puts back the cooldown that was there before the one of `at`.
local function warm_up(cooldown, at, before)
  if redis.call('HGET', cooldown, 'at') ~= at then return end
  local older, wait = string.match(before or '', '^(%d+) (%d+)$')
  local life = older and tonumber(older) + tonumber(wait) * 2 + 1000 - now or 0
  if life > 0 then
    redis.call('HSET', cooldown, 'at', older, 'wait', wait)
    redis.call('PEXPIRE', cooldown, life)
  else
    redis.call('DEL', cooldown)
  end
end

-- Makes the verification `suffix` the recipient's current one for a purpose; an older one that is still open gives way.
-- Gives the older one's suffix, or an empty string.
local function take_over(current, prefix, suffix, life)
  local older = redis.call('SET', current, suffix, 'PX', life, 'GET')
  if not older or older == suffix then return '' end
  -- Not among KEYS: where a slot moves it may be elsewhere already, and nothing must be left half done.
  local state = redis.pcall('HMGET', prefix .. older, 'st', 'x')
  if state.err then
    redis.call('SET', current, older, 'PX', life)
    error(state)
  end
  if state[1] ~= 'pending' or tonumber(state[2]) <= now then return '' end
  redis.call('HSET', prefix .. older, 'st', 'superseded')
  return older
end

-- Ends a verification that is still open as canceled; `by` makes the call known again. Gives the answer.
local function close(verification, by)
  local f = redis.call('HMGET', verification, 'st', 'x', 'g', 'canceler')
  if not f[1] then return {'missing', now, 0} end
  if f[4] == by then return {'just-canceled', now, tonumber(f[3])} end
  if f[1] ~= 'pending' then return {f[1], now, tonumber(f[3])} end
  if now >= tonumber(f[2]) then
    redis.call('HSET', verification, 'st', 'expired')
    return {'just-expired', now, tonumber(f[3])}
  end
  redis.call('HSET', verification, 'st', 'canceled', 'canceler', by)
  return {'just-canceled', now, tonumber(f[3])}
end

-- The cooldown after `last`: twice as long, within its bounds.
local function longer(last, shortest, longest)
  return math.min(math.max(last * 2, shortest), math.max(longest, shortest))
end

-- Whether the call that is to be taken back may still come: it must not come after that.
local function too_early(may_run_until)
  local time = tonumber(may_run_until)
  return time and now <= time
end
