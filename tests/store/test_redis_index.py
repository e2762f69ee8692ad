"""The scope index: it loses no scope, even if a process dies between its two writes."""

from collections.abc import Iterator

import pytest
import redis
import redis.asyncio

from optimem.protocols import Change
from optimem.store.arguments import scope_tag
from optimem.store.redis import RedisStore
from optimem.store.redis_client import RedisConnection
from optimem.store.redis_index import ScopeIndex
from optimem.store.redis_layout import LAYOUT_KEY, index_keys, index_shard
from tests.store.scopes import HOME, put


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    store = RedisStore(redis_url)
    yield store
    store.close()


class TestQueue:
    """A process may die between the writes to a scope and to its shard."""

    def test_a_writer_that_died_after_announcing(
        self, store: RedisStore, client: redis.Redis
    ) -> None:
        tag = scope_tag(HOME)
        store._index.announce(tag, "1.0", b"token")
        assert list(store.scopes()) == []
        assert store.peek_due(now=9, limit=9) == []
        assert store.claim_due(now=9, limit=9, lease=1) == []
        assert client.keys() == [LAYOUT_KEY.encode()]  # offered in vain, then dropped

    def test_a_sweeper_that_died_after_claiming(
        self, store: RedisStore, client: redis.Redis
    ) -> None:
        put(store, HOME, a=1.0)
        queue = index_keys(index_shard(scope_tag(HOME))).queue
        assert store.claim_due(now=2, limit=9, lease=10) == [(HOME, "a")]
        client.zadd(queue, {scope_tag(HOME): 1.0})  # as if the index had not been updated yet
        assert store.claim_due(now=3, limit=9, lease=10) == []
        assert client.zscore(queue, scope_tag(HOME)) == 12.0
        assert store.claim_due(now=12, limit=9, lease=10) == [(HOME, "a")]

    def test_a_sweeper_slower_than_a_writer_hides_nothing(self, store: RedisStore) -> None:
        tag = scope_tag(HOME)
        put(store, HOME, a=50.0)
        token = store._index.token(tag)  # the sweeper reads the token,
        put(store, HOME, b=5.0)  # a writer announces an earlier entry,
        assert token is not None
        store._index.settle(tag, token, b"50")  # the sweeper moves the scope
        assert store.peek_due(now=9, limit=9) == [(HOME, "b")]

    def test_a_writer_slower_than_a_sweeper_announces_again(
        self, redis_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slow, sweeper = RedisStore(redis_url), RedisStore(redis_url)
        announced = []
        announce = slow._index.announce

        def delayed(tag: str, due: str, token: bytes) -> None:
            announce(tag, due, token)
            announced.append(token)
            if len(announced) == 1:
                sweeper.clear(HOME)  # between the announcement and the commit

        monkeypatch.setattr(slow._index, "announce", delayed)
        put(slow, HOME, a=1.0)
        assert len(set(announced)) == 2
        assert list(sweeper.scopes()) == [HOME]
        assert sweeper.claim_due(now=2, limit=1, lease=1) == [(HOME, "a")]

    def test_a_commit_sent_twice_counts_once(
        self, store: RedisStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put(store, HOME, a=1.0)
        execute = store._redis._execute

        def twice(*command: object) -> object:
            execute(*command)  # its answer is lost
            return execute(*command)

        monkeypatch.setattr(store._redis, "_execute", twice)
        store.commit(HOME, [Change("a", b"w", expect=1)])
        monkeypatch.undo()
        assert store.entries(HOME)[0].version == 2


class TestScopeIndex:
    """The index by itself."""

    @pytest.fixture
    def index(self, client: redis.Redis) -> ScopeIndex:
        return ScopeIndex(RedisConnection(None, client, timeout=5))

    def test_scopes_are_queued_by_their_bounds_page_by_page(self, index: ScopeIndex) -> None:
        bounds = {f"::s{number}": float(number * 7 % 50) for number in range(50)}
        for tag, bound in bounds.items():
            index.announce(tag, repr(bound), b"token")
        expected = sorted((bound, tag) for tag, bound in bounds.items() if bound <= 40)
        for page in (1, 2, 99):
            queued = list(index.queued(40.0, page))
            assert [(scope.bound, scope.tag) for scope in queued] == expected
            assert {scope.token for scope in queued} == {b"token"}
        assert sorted(index.tags()) == sorted(bounds)

    def test_an_announcement_never_moves_a_scope_later(self, index: ScopeIndex) -> None:
        for bound, token in ((b"5", b"one"), (b"9", b"two"), (b"3", b"three")):
            index.announce("::a", bound.decode(), token)
            assert index.token("::a") == token
        assert list(index.queued(9.0, 9)) == [(3.0, "::a", b"three")]

    def test_only_the_last_token_settles(self, index: ScopeIndex) -> None:
        index.announce("::a", "1", b"one")
        index.announce("::a", "1", b"two")
        index.settle("::a", b"one", b"")
        assert list(index.tags()) == ["::a"]
        index.settle("::a", b"two", b"8")
        assert list(index.queued(7.0, 9)) == []
        assert list(index.queued(8.0, 9)) == [(8.0, "::a", b"two")]
        index.settle("::a", b"two", b"")
        assert list(index.tags()) == []
        assert index.token("::a") is None
