"""Lua for Redis 7.0 and Valkey: everything that must happen at once. Knows no client.

Every script touches one slot: either a scope's keys, in the order of `keys.ScopeKeys`, or a
shard's, in the order of `keys.ShardKeys`. Times travel as text, since Lua would print fewer
digits than a double has. `allow-oom`: these scripts must work on a full server, as they lead
to what frees memory; they write a few bytes at most.
"""

GET = """\
-- ARGV names. Returns version and value of each, nil where there is none.
local found = {}
for i, name in ipairs(ARGV) do
  found[2 * i - 1] = redis.call('HGET', KEYS[2], name)
  found[2 * i] = redis.call('HGET', KEYS[1], name)
end
return found
"""

ENTRIES = """\
-- ARGV first and last name in byte order. Returns name, version, size and due of each.
local found = {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[3], ARGV[1], ARGV[2], 'BYLEX')) do
  found[#found + 1] = name
  found[#found + 1] = redis.call('HGET', KEYS[2], name)
  found[#found + 1] = redis.call('HSTRLEN', KEYS[1], name)
  found[#found + 1] = redis.call('ZSCORE', KEYS[4], name)
end
return found
"""

COMMIT = """\
-- Makes all changes if every expected version holds.
-- ARGV commit id, earliest due ('' if nothing is written, 'inf' if nothing falls due),
-- announced token, fresh token, its life in ms; then for each change: name, expected version
-- ('' for any), 'set' or 'delete', value, due ('' for never).
-- Returns {'done'}, {'emptied'}, {'conflict', name, version} or {'announce', token}: the
-- scope must be announced in its shard first, see redis_index.
local values, versions, names, dues, meta, intent = unpack(KEYS)
local id, earliest, announced, fresh, life = unpack(ARGV, 1, 5)
local function number(text)
  if text == 'inf' then return math.huge end
  return tonumber(text)
end

-- A client sends a commit again if the answer is lost on its way.
if redis.call('HGET', meta, 'last') == id then return {'done'} end

local growth = 0
for i = 6, #ARGV, 5 do
  local name, expected, act, value = unpack(ARGV, i, i + 3)
  local version = redis.call('HGET', versions, name)
  if expected ~= '' and expected ~= (version or '0') then
    return {'conflict', name, version or '0'}
  end
  if version then growth = growth - #name - redis.call('HSTRLEN', values, name) end
  if act == 'set' then growth = growth + #name + #value end
end

-- Redis lets a script that has begun to write go on when memory is full: so a commit that
-- shrinks the scope succeeds there, and one that grows it fails before it changed anything.
if growth < 0 then redis.call('HDEL', meta, 'last') end

local bound = redis.call('HGET', meta, 'bound')
if earliest ~= '' and (not bound or number(earliest) < number(bound)) then
  local token = redis.call('GET', intent)
  if not token then
    redis.call('SET', intent, fresh, 'PX', life)
    return {'announce', fresh}
  end
  if token ~= announced then return {'announce', token} end
  redis.call('HSET', meta, 'bound', earliest)
  redis.call('DEL', intent)
end

for i = 6, #ARGV, 5 do
  local name, _, act, value, due = unpack(ARGV, i, i + 4)
  if act == 'set' then
    redis.call('HSET', values, name, value)
    redis.call('HINCRBY', versions, name, 1)
    redis.call('ZADD', names, 0, name)
  else
    redis.call('HDEL', values, name)
    redis.call('HDEL', versions, name)
    redis.call('ZREM', names, name)
  end
  if act == 'set' and due ~= '' then
    redis.call('ZADD', dues, due, name)
  else
    redis.call('ZREM', dues, name)
  end
end
redis.call('HINCRBY', meta, 'bytes', growth)
redis.call('HSET', meta, 'last', id)
if redis.call('EXISTS', versions) == 0 then return {'emptied'} end
return {'done'}
"""

PEEK = """\
-- ARGV now, limit. Returns name and due time of the scope's earliest entries, in turns.
return redis.call('ZRANGE', KEYS[4], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2],
                  'WITHSCORES')
"""

CLAIM = """#!lua flags=allow-oom
-- Moves those of the named entries that are still due to the end of their lease, and finds
-- the bound under which the scope may wait in its shard: its earliest due time, 'inf' if
-- nothing is due, '' if the scope is empty and may leave. Ends every announcement under way.
-- ARGV now, end of lease, names. Returns the bound, then the names claimed.
local _, versions, _, dues, meta, intent = unpack(KEYS)
local reply = {''}
for i = 3, #ARGV do
  local due = redis.call('ZSCORE', dues, ARGV[i])
  if due and tonumber(due) <= tonumber(ARGV[1]) then
    redis.call('ZADD', dues, ARGV[2], ARGV[i])
    reply[#reply + 1] = ARGV[i]
  end
end
redis.call('DEL', intent)
if redis.call('EXISTS', versions) == 0 then
  redis.call('DEL', meta)
  return reply
end
local first = redis.call('ZRANGE', dues, 0, 0, 'WITHSCORES')
reply[1] = first[2] or 'inf'
redis.call('HSET', meta, 'bound', reply[1])
return reply
"""

CLEAR = """\
-- Removes the scope. Returns the number of entries it held.
local count = redis.call('HLEN', KEYS[2])
redis.call('UNLINK', unpack(KEYS))
return count
"""

ANNOUNCE = """#!lua flags=allow-oom
-- Lists a scope in its shard as due no later than a time. ARGV tag, time, token.
redis.call('ZADD', KEYS[1], 'LT', ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1
"""

SETTLE = """#!lua flags=allow-oom
-- Moves a scope to a later time in its shard, or out of it if the bound is '', unless it was
-- announced anew since its token was read. ARGV tag, token, bound.
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
end
return 1
"""

WAITING = """\
-- ARGV now, offset, limit. Returns tag, bound and token of the scopes that may be due.
local found = {}
local waiting = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE',
                           'LIMIT', ARGV[2], ARGV[3], 'WITHSCORES')
for i = 1, #waiting, 2 do
  found[#found + 1] = waiting[i]
  found[#found + 1] = waiting[i + 1]
  found[#found + 1] = redis.call('HGET', KEYS[2], waiting[i])
end
return found
"""
