"""The Redis layout: keys share a slot, are the same in every release, and never collide."""

import pytest
import redis

from optimem.store import redis_layout
from optimem.store.arguments import scope_tag
from optimem.store.redis_layout import (
    INDEX_SHARDS,
    LAYOUT_KEY,
    IndexKeys,
    ScopeKeys,
    index_keys,
    index_shard,
    scope_keys,
)
from tests.store.scopes import AWAY, HOME, HOSTILE

SCRIPTS = {name: text for name, text in vars(redis_layout).items() if "redis.call" in str(text)}


def test_keys_of_a_scope_share_a_slot_whatever_its_parts() -> None:
    tags = [scope_tag(scope) for scope in HOSTILE]
    assert len(set(tags)) == len(HOSTILE)
    for tag in tags:
        keys = scope_keys(tag)
        inside = {key.partition("{")[2].partition("}")[0] for key in keys}
        assert inside == {tag}
        assert 0 <= index_shard(tag) < INDEX_SHARDS
    assert scope_keys(scope_tag(AWAY)).values == "optimem:v1:{lab:ann:home}:values"
    assert scope_keys(scope_tag(HOME)).due == "optimem:v1:{::home}:due"


def test_redis_itself_puts_the_keys_in_one_slot(client: redis.Redis) -> None:
    groups: list[ScopeKeys | IndexKeys] = [scope_keys(scope_tag(scope)) for scope in HOSTILE]
    groups += [index_keys(shard) for shard in range(INDEX_SHARDS)]
    slots = [{redis.cluster.key_slot(key.encode()) for key in keys} for keys in groups]
    assert all(len(each) == 1 for each in slots)


def test_no_two_keys_are_equal() -> None:
    keys = [key for scope in HOSTILE for key in scope_keys(scope_tag(scope))]
    keys += [key for shard in range(INDEX_SHARDS) for key in index_keys(shard)]
    assert len(set(keys)) == len(keys)
    assert LAYOUT_KEY not in keys


def test_shards_of_the_index_are_the_same_for_ever() -> None:
    assert [index_shard(tag) for tag in ("::home", "lab:ann:home", "::%7D")] == [3, 3, 9]
    assert index_keys(7) == ("optimem:v1:{shard-07}:queue", "optimem:v1:{shard-07}:tokens")


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_server_compiles_every_script(client: redis.Redis, name: str) -> None:
    assert client.script_load(SCRIPTS[name])
