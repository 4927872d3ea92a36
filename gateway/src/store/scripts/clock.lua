-- Tells the time, on the server that owns a key.
--
-- KEYS: 1 the key
-- Answers {"now", now}
return {'now', now}
