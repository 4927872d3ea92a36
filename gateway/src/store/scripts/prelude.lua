-- What the scripts share; stands before each of them.

-- Redis's own clock in ms: all gateways see the same time.
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Limits over a list of times, newest first: at most `count` within any `span`. They stand in ARGV from `first` on, in
-- pairs. Appends the number of each limit that refuses and its wait to `refused`; gives what `spend` needs.
local function weigh(refused, times, now, first)
  local most, period = 0, 0
  for i = first, #ARGV, 2 do
    local count, span = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
    local nth = redis.call('LINDEX', times, count - 1)
    if nth and tonumber(nth) + span > now then
      table.insert(refused, (i - first) / 2 + 1)
      table.insert(refused, tonumber(nth) + span - now)
    end
    most, period = math.max(most, count), math.max(period, span)
  end
  return most, period
end

-- Notes the present time in a list that `weigh` reads, which never grows beyond the largest count.
local function spend(times, now, most, period)
  if most > 0 then
    redis.call('LPUSH', times, now)
    redis.call('LTRIM', times, 0, most - 1)
    redis.call('PEXPIRE', times, period)
  end
end

-- Makes a recipient wait for the next mail.
local function cool_down(cooldown, now, wait)
  if wait > 0 then
    redis.call('HSET', cooldown, 'at', now, 'wait', wait)
    -- A recipient who waits as long again as the last cooldown starts over with the shortest.
    redis.call('PEXPIRE', cooldown, wait * 2 + 1000)
  end
end

-- Makes the verification `suffix` the recipient's current one for a purpose; an older one that is still open gives way.
-- Gives the older one's suffix, or an empty string.
local function take_over(current, prefix, suffix, now, life)
  local older, superseded = redis.call('GET', current), ''
  if older and older ~= suffix then
    local state = redis.call('HMGET', prefix .. older, 'st', 'x')
    if state[1] == 'pending' and tonumber(state[2]) > now then
      redis.call('HSET', prefix .. older, 'st', 'superseded')
      superseded = older
    end
  end
  redis.call('SET', current, suffix, 'PX', life)
  return superseded
end

-- The cooldown after `last`: twice as long, within its bounds.
local function longer(last, shortest, longest)
  return math.min(math.max(last * 2, shortest), math.max(longest, shortest))
end
