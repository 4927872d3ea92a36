-- Gives back the place among the limits that a request took. Running it again changes nothing.
--
-- KEYS: 1 times of requests
-- ARGV: 1 the request's nonce, 2 until when it may still come (ms)
if too_early(ARGV[2]) then return {'early', now} end
-- As many as the largest count at most; nearly always it is one of the first.
for _, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if string.match(entry, '%.(%d+)$') == ARGV[1] then
    redis.call('LREM', KEYS[1], 1, entry)
    return {'undone', now}
  end
end
return {'nothing', now}
