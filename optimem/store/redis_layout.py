"""The data layout on Redis and Valkey, 7.0 or later: every key, and the Lua that works on them.

A scope's keys carry its tag in braces and so share one slot of a cluster; the keys of an index
shard do the same. An entry's key within its scope is called its *name* here, to keep it apart
from Redis keys.

Each script runs atomically on one slot. Its KEYS are a `ScopeKeys` or an `IndexKeys`, in the
order of the fields. Times travel as text, because Lua prints fewer digits than a double has.
Scripts flagged `allow-oom` write only a few bytes and must also work on a full server, as the
way to free memory leads through them. Knows no client.
"""

from typing import NamedTuple
from zlib import crc32

LAYOUT = 1
"""Version of this layout."""

LAYOUT_KEY = "optimem:layout"
"""Holds the newest layout that was ever used on a server."""

INDEX_SHARDS = 16
"""Shards of the scope index. A part of the layout: another number needs a new LAYOUT."""


class ScopeKeys(NamedTuple):
    """The keys of a scope.

    `values`: hash, name → bytes; `versions`: hash, name → version; `names`: sorted set of names
    in byte order; `due`: sorted set, name → seconds since the epoch; `meta`: hash of the scope's
    size in bytes, its bound and the id of its last commit; `intent`: token of the writer that is
    announcing the scope; `open`: the values while a transaction writes some, see CLOSE. See
    `redis_index` for bounds and tokens.
    """

    values: str
    versions: str
    names: str
    due: str
    meta: str
    intent: str
    open: str


class IndexKeys(NamedTuple):
    """The keys of a shard of the scope index.

    `queue`: sorted set, scope's tag → its bound, a time no later than the first due time in the
    scope; `tokens`: hash, tag → token of the last announcement.
    """

    queue: str
    tokens: str


def scope_keys(tag: str) -> ScopeKeys:
    """The keys of the scope with this tag."""
    return ScopeKeys(*(_key(tag, field) for field in ScopeKeys._fields))


def index_keys(shard: int) -> IndexKeys:
    """The keys of an index shard. Its tag has no colon, so no scope has the same."""
    return IndexKeys(*(_key(f"shard-{shard:02d}", field) for field in IndexKeys._fields))


def index_shard(tag: str) -> int:
    """The index shard of a scope: the same in every process and release."""
    return crc32(tag.encode()) % INDEX_SHARDS


def _key(tag: str, field: str) -> str:
    """The only function that makes Redis keys."""
    return f"optimem:v{LAYOUT}:{{{tag}}}:{field}"


_WHOLE = """\
-- Refuses a scope of which the server has lost a key.
local count = redis.call('HLEN', KEYS[2])
if redis.call('HLEN', KEYS[1]) ~= count or redis.call('ZCARD', KEYS[3]) ~= count then
  return redis.error_reply('PARTLOST ' .. KEYS[2])
end
"""

_PIECES = """\
-- Calls a command with all of a list, in pieces, as Lua passes some 8,000 arguments at most. One
-- call for many entries costs a fraction of a call for each.
local function pieces(list, first, last, call)
  for i = first, last, 4000 do call(unpack(list, i, math.min(i + 3999, last))) end
end
"""

GET = (
    _WHOLE
    + _PIECES
    + """\
-- ARGV: names. Returns the versions of all, then their values; nil for a name that does not exist.
local found = {}
for _, key in ipairs({KEYS[2], KEYS[1]}) do
  pieces(ARGV, 1, #ARGV, function(...)
    for _, held in ipairs(redis.call('HMGET', key, ...)) do found[#found + 1] = held end
  end)
end
return found
"""
)

ENTRIES = (
    _WHOLE
    + """\
-- ARGV: first and last name in byte order. Returns name, version, size and due time of each.
local found = {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[3], ARGV[1], ARGV[2], 'BYLEX')) do
  found[#found + 1] = name
  found[#found + 1] = redis.call('HGET', KEYS[2], name)
  found[#found + 1] = redis.call('HSTRLEN', KEYS[1], name)
  found[#found + 1] = redis.call('ZSCORE', KEYS[4], name)
end
return found
"""
)

COMMIT = (
    _WHOLE
    + _PIECES
    + """\
-- Applies all changes if every expected version holds.
-- ARGV: commit id, earliest due time ('' if nothing is set, 'inf' if nothing is due), announced
-- token, fresh token, its life in ms; how many entries are set, change, and are due; bytes of the
-- names and values that are set. Then the names of all, those that are set first; the expected
-- version of each ('' for any); due time and name of each that is due; name and value of each that
-- is set, or none of these: then the transaction goes on with HSET and CLOSE.
-- Returns {'done'}, {'emptied'}, {'conflict', name, version}, or {'announce', token} if the
-- scope must first be announced in its index shard under that token; see redis_index.
local values, versions, names, dues, meta, intent, open = unpack(KEYS)
local id, earliest, announced, fresh, life = unpack(ARGV, 1, 5)
local set, all, due = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local first, expected, due_at = 10, 10 + all, 10 + 2 * all
local value_at = due_at + 2 * due
local function number(text)
  if text == 'inf' then return math.huge end
  return tonumber(text)
end

-- A client repeats a commit whose reply was lost.
if redis.call('HGET', meta, 'last') == id then return {'done'} end

local held = {}
pieces(ARGV, first, first + all - 1, function(...)
  for _, version in ipairs(redis.call('HMGET', versions, ...)) do held[#held + 1] = version end
end)
local growth, raised, new = tonumber(ARGV[9]), {}, {}
for i = 1, all do
  local name, version, wanted = ARGV[first + i - 1], held[i], ARGV[expected + i - 1]
  if wanted ~= '' and wanted ~= (version or '0') then
    return {'conflict', name, version or '0'}
  end
  if version then growth = growth - #name - redis.call('HSTRLEN', values, name) end
  if i <= set then
    raised[2 * i - 1] = name
    raised[2 * i] = version and string.format('%.0f', version + 1) or '1'
    if not version then
      new[#new + 1] = '0'
      new[#new + 1] = name
    end
  end
end

-- On a full server, Redis refuses a script's first write unless it frees memory, and lets a
-- script that has written go on. So a commit that shrinks the scope starts with a deletion and
-- succeeds, and one that grows it fails before it has changed anything.
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

local function write(command, key, list, from, to)
  pieces(list, from, to, function(...) redis.call(command, key, ...) end)
end
write('HSET', values, ARGV, value_at, #ARGV)
write('HSET', versions, raised, 1, #raised)
write('ZADD', names, new, 1, #new)
write('HDEL', values, ARGV, first + set, first + all - 1)
write('HDEL', versions, ARGV, first + set, first + all - 1)
write('ZREM', names, ARGV, first + set, first + all - 1)
write('ZREM', dues, ARGV, first, first + all - 1)
write('ZADD', dues, ARGV, due_at, value_at - 1)
redis.call('HINCRBY', meta, 'bytes', growth)
redis.call('HSET', meta, 'last', id)
if redis.call('EXISTS', versions) == 0 then return {'emptied'} end
if set > 0 and value_at > #ARGV then
  redis.call('HSET', meta, 'open', id)
  if redis.call('EXISTS', values) == 1 then redis.call('RENAME', values, open) end
end
return {'done'}
"""
)

CLOSE = """#!lua flags=allow-oom
-- Ends a transaction of COMMIT, HSET of the values to the key `open`, CLOSE: so no value goes
-- through Lua, which hashes every byte of a string. If COMMIT applied the changes, the values
-- that it moved to `open` go back with the new ones; if not, what is in `open` is dropped.
-- ARGV: commit id.
if redis.call('HGET', KEYS[5], 'open') == ARGV[1] then
  redis.call('HDEL', KEYS[5], 'open')
  redis.call('RENAME', KEYS[7], KEYS[1])
else
  redis.call('DEL', KEYS[7])
end
return 1
"""

PEEK = """\
-- ARGV: now, limit. Returns name and due time of the scope's earliest due entries.
return redis.call('ZRANGE', KEYS[4], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2],
                  'WITHSCORES')
"""

TIME = """\
-- Returns the server's time: seconds since the epoch, and microseconds.
return redis.call('TIME')
"""

CLAIM = """#!lua flags=allow-oom
-- Moves the due time of those named entries that are still due to the end of the lease. Sets
-- the scope's bound to its earliest due time, 'inf' if it has none, and voids any announcement
-- in progress.
-- ARGV: now, end of the lease, names. Returns the bound, '' if the scope is empty and may leave
-- the index; then the names claimed.
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
-- Deletes the scope. Returns the number of entries it held.
local count = redis.call('HLEN', KEYS[2])
redis.call('UNLINK', unpack(KEYS))
return count
"""

ANNOUNCE = """#!lua flags=allow-oom
-- Lists a scope in its index shard at a bound, or at an earlier one that it already has.
-- ARGV: tag, bound, token.
redis.call('ZADD', KEYS[1], 'LT', ARGV[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1
"""

SETTLE = """#!lua flags=allow-oom
-- Moves a scope to a later bound in its index shard, or out of it if the bound is '', unless it
-- has been announced again since its token was read.
-- ARGV: tag, token, bound.
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
end
return 1
"""

QUEUED = """\
-- ARGV: now, offset, limit. Returns tag, bound and token of scopes that may have due entries.
local found = {}
local queued = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE',
                          'LIMIT', ARGV[2], ARGV[3], 'WITHSCORES')
for i = 1, #queued, 2 do
  found[#found + 1] = queued[i]
  found[#found + 1] = queued[i + 1]
  found[#found + 1] = redis.call('HGET', KEYS[2], queued[i])
end
return found
"""
