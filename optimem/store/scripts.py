"""Lua that Redis runs: each touches the keys of one scope or one shard only, so that all of
it is atomic and legal on a cluster. Plain Redis 7.0."""

COMMIT = """
-- KEYS: values, versions, due. ARGV: five for each change: name, expected version ('' for
-- any), due time ('' for never), '1' to write or '0' to delete, value.
-- All expectations are checked before anything is changed.
for i = 1, #ARGV, 5 do
  local found = redis.call('HGET', KEYS[2], ARGV[i]) or '0'
  if ARGV[i + 1] ~= '' and found ~= ARGV[i + 1] then
    return {ARGV[i], ARGV[i + 1], found}
  end
end
for i = 1, #ARGV, 5 do
  local name = ARGV[i]
  if ARGV[i + 3] == '1' then
    redis.call('HINCRBY', KEYS[2], name, 1)
    redis.call('HSET', KEYS[1], name, ARGV[i + 4])
  else
    redis.call('HDEL', KEYS[1], name)
    redis.call('HDEL', KEYS[2], name)
  end
  if ARGV[i + 3] == '1' and ARGV[i + 2] ~= '' then
    redis.call('ZADD', KEYS[3], ARGV[i + 2], name)
  else
    redis.call('ZREM', KEYS[3], name)
  end
end
return {}
"""

ENTRIES = """
-- KEYS: values, versions, due. ARGV: prefix. Four for each entry: name, version, size, due.
local found = {}
for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.sub(name, 1, #ARGV[1]) == ARGV[1] then
    found[#found + 1] = name
    found[#found + 1] = redis.call('HGET', KEYS[2], name)
    found[#found + 1] = redis.call('HSTRLEN', KEYS[1], name)
    found[#found + 1] = redis.call('ZSCORE', KEYS[3], name) or ''
  end
end
return found
"""

CLAIM = """
-- KEYS: due. ARGV: now, limit, end of the lease ('' to look without claiming).
-- Returns the names with their due times, and then the earliest time that is due now.
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
if ARGV[3] ~= '' then
  for i = 1, #names, 2 do
    redis.call('ZADD', KEYS[1], ARGV[3], names[i])
  end
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
names[#names + 1] = first[2] or 'inf'
return names
"""

POSTPONE = """
-- KEYS: a shard's queue. ARGV: tag, score seen, new score. Unless a writer changed it since.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
end
return 0
"""

CLEAR = """
-- KEYS: values, versions, due. The number of entries removed.
local count = redis.call('HLEN', KEYS[2])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
return count
"""

USAGE = """
-- KEYS: values. Bytes of all names and values.
local bytes = 0
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  bytes = bytes + #name + redis.call('HSTRLEN', KEYS[1], name)
end
return bytes
"""
