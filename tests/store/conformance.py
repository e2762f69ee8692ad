"""What every store must do: one suite, run on each backend by a subclass of `StoreSuite`.

A subclass gives the fixture `url`: an address that `open_store` opens, empty at first, from
this process and from others.
"""

import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimem.errors import ConflictError, InputError
from optimem.protocols import Change, Entry, EntryInfo, Store
from optimem.store import open_store
from optimem.turns import Scope
from tests.store.dictionary import DictionaryStore
from tests.store.scopes import AWAY, HOME, HOSTILE, put
from tests.store.sharing import SharingSuite


def plain_size(key: str, value: bytes) -> tuple[int, int]:
    """Bytes that a store counts for an entry's key and for its value."""
    return len(key.encode()), len(value)


class StoreSuite(SharingSuite):
    """The suite. `size`: as `plain_size`, of a store that adds to what it is given."""

    size = staticmethod(plain_size)

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        store = open_store(url)
        yield store
        store.close()

    def test_the_stores_clock_is_this_machines(self, store: Store) -> None:
        before = time.time()
        assert before - 0.01 <= store.time() <= time.time() + 0.01

    def test_what_is_gone_leaves_no_trace_where_the_store_can_look(self, store: Store) -> None:
        store.commit(HOME, [Change("page:1", b"x" * 9000), Change("page:2", b"y")])
        store.commit(HOME, [Change("page:1", None)])
        assert store.wipe() is not None
        assert store.remains(HOME, ["page:1", "page:"]) == []
        assert store.remains(AWAY, ["page:", "never:"]) == []

    def test_a_store_says_what_it_is(self, store: Store) -> None:
        described = store.describe()
        assert all(isinstance(value, str) for value in described.values())
        assert described["kind"].split()[0] in ("SQLite", "Redis", "Valkey", "in")

    def test_an_empty_store_holds_nothing(self, store: Store) -> None:
        assert store.get(HOME, ["a", "b"]) == [None, None]
        assert store.get(HOME, []) == []
        assert store.entries(HOME) == []
        assert list(store.scopes()) == []
        assert store.claim_due(now=1e12, limit=9, lease=1) == []
        assert store.peek_due(now=1e12, limit=9) == []
        assert store.clear(HOME) == 0
        assert store.usage(HOME) == 0

    def test_values_come_back_to_the_byte(self, store: Store) -> None:
        values = [b"", b"\0", bytes(range(256)), b"\r\n" * 9, b"x" * 300_000]
        store.commit(HOME, [Change(f"k{i}", value) for i, value in enumerate(values)])
        found = store.get(HOME, ["k4", "k0", "none", "k1", "k2", "k3", "k0"])
        order = [4, 0, None, 1, 2, 3, 0]
        assert found == [None if i is None else Entry(f"k{i}", 1, values[i]) for i in order]

    def test_a_version_counts_writes_and_starts_again_after_deletion(self, store: Store) -> None:
        for version in (1, 2, 3):
            store.commit(HOME, [Change("a", b"%d" % version)])
            assert store.get(HOME, ["a"]) == [Entry("a", version, b"%d" % version)]
        store.commit(HOME, [Change("a", None)])
        assert store.get(HOME, ["a"]) == [None]
        store.commit(HOME, [Change("a", b"new")])
        assert store.get(HOME, ["a"]) == [Entry("a", 1, b"new")]

    @pytest.mark.parametrize("expect", [0, 1, 3])
    def test_a_stale_commit_changes_nothing(self, store: Store, expect: int) -> None:
        store.commit(HOME, [Change("a", b"1")])
        store.commit(HOME, [Change("a", b"2", due=5.0)])
        changes = [Change("b", b"x"), Change("a", b"3", expect=expect), Change("c", b"x")]
        with pytest.raises(ConflictError, match=f"'a' has version 2, expected {expect}"):
            store.commit(HOME, changes)
        assert store.entries(HOME) == [EntryInfo("a", 2, self.size("a", b"2")[1], 5.0)]
        assert store.usage(HOME) == self.usage(a=b"2")

    def test_expectations_that_hold(self, store: Store) -> None:
        store.commit(HOME, [Change("a", b"1", expect=0), Change("b", None, expect=0)])
        store.commit(HOME, [Change("a", b"2", expect=1)])
        store.commit(HOME, [Change("a", None, expect=2)])
        assert store.entries(HOME) == []

    def test_a_stale_deletion_is_refused(self, store: Store) -> None:
        store.commit(HOME, [Change("a", b"1")])
        for key, expect in (("a", 2), ("a", 0), ("none", 1)):
            with pytest.raises(ConflictError, match=key):
                store.commit(HOME, [Change(key, None, expect=expect)])
        assert store.get(HOME, ["a"]) == [Entry("a", 1, b"1")]

    @pytest.mark.parametrize(
        "changes",
        [
            [Change("a", b"1"), Change("a", b"2")],
            [Change("a", b"1", due=float("nan"))],
            [Change("a", b"1", due=float("inf"))],
            [Change("b", b"1"), Change("\ud800", b"1")],
        ],
    )
    def test_changes_without_a_meaning_are_refused(
        self, store: Store, changes: list[Change]
    ) -> None:
        with pytest.raises(InputError):
            store.commit(HOME, changes)
        assert store.entries(HOME) == []

    def test_listing_by_prefix_in_key_order(self, store: Store) -> None:
        keys = ["a", "a/1", "a/10", "a/2", "b", "a\0", "a~", "aé", "a\uffff", "a\U0010ffff", ""]
        store.commit(HOME, [Change(key, b"x" * i, due=i / 3) for i, key in enumerate(keys)])
        for prefix in ("", "a", "a/", "a/1", "aé", "b", "a\U0010ffff", "c"):
            expected = sorted(key for key in keys if key.startswith(prefix))
            assert [info.key for info in store.entries(HOME, prefix)] == expected
        assert store.entries(HOME, "a/2") == [EntryInfo("a/2", 1, self.size("a/2", b"xxx")[1], 1.0)]
        assert store.entries(HOME, "a/10") == [
            EntryInfo("a/10", 1, self.size("a/10", b"xx")[1], 2 / 3)
        ]

    def test_usage_counts_keys_and_values(self, store: Store) -> None:
        store.commit(HOME, [Change("é", b"123"), Change("bb", b"")])
        assert store.usage(HOME) == self.usage(é=b"123", bb=b"")
        store.commit(HOME, [Change("é", b"1"), Change("bb", b"12345")])
        assert store.usage(HOME) == self.usage(é=b"1", bb=b"12345")
        store.commit(HOME, [Change("bb", None), Change("none", None)])
        assert store.usage(HOME) == self.usage(é=b"1")
        assert store.usage(AWAY) == 0

    def usage(self, **held: bytes) -> int:
        """Bytes that a scope takes with these entries."""
        return sum(sum(self.size(*entry)) for entry in held.items())

    def test_hostile_scopes_are_kept_apart(self, store: Store) -> None:
        for i, scope in enumerate(HOSTILE):
            store.commit(scope, [Change("k", b"%d" % i, due=float(i))])
        assert sorted(map(repr, store.scopes())) == sorted(map(repr, HOSTILE))
        for i, scope in enumerate(HOSTILE):
            assert store.get(scope, ["k"]) == [Entry("k", 1, b"%d" % i)]
        assert store.claim_due(now=99, limit=99, lease=1) == [(scope, "k") for scope in HOSTILE]
        for i, scope in enumerate(HOSTILE):
            assert store.clear(scope) == 1
            assert len(list(store.scopes())) == len(HOSTILE) - i - 1

    def test_a_scope_is_listed_while_it_holds_an_entry(self, store: Store) -> None:
        store.commit(HOME, [Change("a", b"1"), Change("b", b"2")])
        store.commit(AWAY, [Change("a", b"1")])
        assert set(store.scopes()) == {HOME, AWAY}
        store.commit(HOME, [Change("a", None)])
        assert set(store.scopes()) == {HOME, AWAY}
        store.commit(HOME, [Change("b", None)])
        assert set(store.scopes()) == {AWAY}
        store.commit(HOME, [Change("a", b"again")])
        assert set(store.scopes()) == {HOME, AWAY}

    def test_due_entries_come_earliest_first_across_scopes(self, store: Store) -> None:
        put(store, HOME, a=1.0, b=4.0, c=9.0)
        put(store, AWAY, a=3.0, b=2.0, c=5.0)
        store.commit(HOME, [Change("never", b"v")])
        order = [(HOME, "a"), (AWAY, "b"), (AWAY, "a"), (HOME, "b"), (AWAY, "c")]
        for limit in (0, 1, 3, 5, 99):
            assert store.peek_due(now=5.0, limit=limit) == order[:limit]
        assert store.claim_due(now=5.0, limit=3, lease=10) == order[:3]
        assert store.claim_due(now=5.0, limit=3, lease=10) == order[3:]

    def test_nothing_is_due_before_its_time(self, store: Store) -> None:
        put(store, HOME, a=1_700_000_000.123456)
        assert store.peek_due(now=1_700_000_000.123455, limit=9) == []
        assert store.peek_due(now=1_700_000_000.123456, limit=9) == [(HOME, "a")]
        assert store.entries(HOME)[0].due == 1_700_000_000.123456

    def test_a_second_claimant_waits_for_the_end_of_the_lease(self, url: str) -> None:
        first, second = open_store(url), open_store(url)
        put(first, HOME, a=1.0, b=2.0)
        assert first.claim_due(now=3, limit=1, lease=10) == [(HOME, "a")]
        assert second.claim_due(now=3, limit=9, lease=10) == [(HOME, "b")]
        assert second.claim_due(now=12.9, limit=9, lease=10) == []
        both = [(HOME, "a"), (HOME, "b")]  # in any order, as they are due at one time
        assert sorted(second.peek_due(now=13.0, limit=9), key=str) == both
        assert sorted(second.claim_due(now=13.0, limit=9, lease=10), key=str) == both
        first.close()
        second.close()

    def test_the_first_claimant_commits_too_late(self, url: str) -> None:
        first, second = open_store(url), open_store(url)
        put(first, HOME, a=1.0)
        for store, now in ((first, 2), (second, 20)):
            assert store.claim_due(now=now, limit=1, lease=10) == [(HOME, "a")]
        second.commit(HOME, [Change("a", b"faded", expect=1, due=50.0)])
        with pytest.raises(ConflictError):
            first.commit(HOME, [Change("a", b"stale", expect=1, due=40.0)])
        assert first.peek_due(now=49, limit=9) == []
        assert first.peek_due(now=50, limit=9) == [(HOME, "a")]
        assert first.get(HOME, ["a"]) == [Entry("a", 2, b"faded")]
        first.close()
        second.close()

    @pytest.mark.parametrize("lease", [0, -1, float("nan"), float("inf")])
    def test_a_lease_must_be_positive(self, store: Store, lease: float) -> None:
        put(store, HOME, a=1.0)
        with pytest.raises(InputError, match="lease"):
            store.claim_due(now=2, limit=1, lease=lease)

    def test_a_commit_sets_the_due_time_anew(self, store: Store) -> None:
        put(store, HOME, a=100.0, b=100.0)
        put(store, HOME, a=1.0)  # earlier than all so far
        assert store.claim_due(now=2, limit=9, lease=5) == [(HOME, "a")]
        put(store, HOME, a=3.0)  # within its lease
        assert store.claim_due(now=3, limit=9, lease=5) == [(HOME, "a")]
        store.commit(HOME, [Change("a", b"v")])
        assert store.peek_due(now=99, limit=9) == []
        put(store, HOME, b=500.0)
        assert store.peek_due(now=499, limit=9) == []
        assert store.peek_due(now=500, limit=9) == [(HOME, "b")]

    def test_deleted_entries_are_never_due(self, store: Store) -> None:
        put(store, HOME, a=1.0, b=2.0)
        put(store, AWAY, c=1.5)
        store.commit(HOME, [Change("a", None)])
        store.clear(AWAY)
        assert store.peek_due(now=9, limit=9) == [(HOME, "b")]
        assert store.claim_due(now=9, limit=9, lease=1) == [(HOME, "b")]
        store.commit(HOME, [Change("b", None, due=3.0)])
        assert store.peek_due(now=99, limit=9) == []
        assert store.claim_due(now=99, limit=9, lease=1) == []

    def test_clear_leaves_other_scopes_alone(self, store: Store) -> None:
        put(store, HOME, a=1.0, b=2.0)
        put(store, AWAY, a=1.0)
        assert store.clear(HOME) == 2
        assert store.entries(HOME) == []
        assert store.usage(HOME) == 0
        assert list(store.scopes()) == [AWAY]
        assert store.peek_due(now=9, limit=9) == [(AWAY, "a")]
        assert store.clear(HOME) == 0
        put(store, HOME, c=0.5)
        assert store.peek_due(now=9, limit=9) == [(HOME, "c"), (AWAY, "a")]

    def test_many_scopes_and_small_limits_lose_nothing(self, store: Store) -> None:
        scopes = [Scope(session=f"s{i}", user=str(i % 7)) for i in range(60)]
        for i, scope in enumerate(scopes):
            put(store, scope, a=float(i), b=float(100 - i))
        claimed: list[tuple[Scope, str]] = []
        while batch := store.claim_due(now=100, limit=7, lease=1000):
            claimed += batch
        assert len(claimed) == len(set(claimed)) == 120
        assert set(claimed) == {(scope, name) for scope in scopes for name in "ab"}

    def test_a_closed_store_can_be_closed_again_and_keeps_its_data(self, url: str) -> None:
        store = open_store(url)
        put(store, HOME, a=1.0)
        store.close()
        store.close()
        again = open_store(url)
        assert again.claim_due(now=2, limit=1, lease=1) == [(HOME, "a")]
        again.close()

    @settings(
        max_examples=25,
        deadline=None,
        derandomize=True,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,  # each example empties the store
            HealthCheck.differing_executors,  # a class for each backend
        ],
    )
    @given(data=st.data())
    def test_it_behaves_like_a_dictionary(self, url: str, data: st.DataObject) -> None:
        store = open_store(url)
        for scope in list(store.scopes()):
            store.clear(scope)
        model = DictionaryStore((HOME, AWAY), self.size)
        for _ in range(data.draw(st.integers(1, 12))):
            model.step(store, data)
            model.check(store)
        store.close()
