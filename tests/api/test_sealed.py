"""A memory on a sealed store: it does all that a memory does, and its store tells nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from optimem import Keyring, MissingKeyError, OpticalMemory, Scope, UserKeys, new_key, rotate_keys
from optimem.adapters.store import OptimemStore
from optimem.errors import FormatError, InputError
from optimem.memory.decay import DAY
from optimem.protocols import Change, KeyProvider
from optimem.store.sealed import SealedStore
from optimem.store.sqlite import SQLiteStore
from optimem.testing import plain_codec

NOW = 1_700_000_000.0
SAID = "Doctor Quillfeather keeps the zinnia ledger 7716-B under the harpsichord."
SECRETS = ("Quillfeather", "zinnia", "7716-B", "harpsichord", "patient", "miller", "clinic", "note")
OLD, NEW = bytes(range(32)), new_key()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    return folder / "m.db"


def opened(path: Path, keys: KeyProvider | None = None) -> OpticalMemory:
    return OpticalMemory.open(
        path, codec=plain_codec(), clock=lambda: NOW, keys=keys or Keyring(OLD)
    )


def test_a_life_of_which_nothing_shows(path: Path) -> None:
    scope = Scope(namespace="clinic", user="miller", session="patient-1")
    with opened(path) as memory:
        for number in range(9):
            memory.append(scope, {"id": f"note-{number}", "text": f"{number}: {SAID} " * 4})
        memory.flush(scope)
        memory.append(scope, {"id": "note-tail", "text": SAID, "extra": {"patient": 1}})
        items = OptimemStore(memory.store)
        items.put(("clinic", "miller"), "note", {"text": SAID})
        assert memory.sweep(now=NOW + 40 * DAY).moves
        assert memory.recall(scope, "harpsichord", 3)[0].text.count("Quillfeather") > 0
        assert memory.answer(scope, "where is the zinnia ledger?").known
        assert len(memory.reconstruct(scope)) == 10
        assert items.search(("clinic",), query="zinnia")[0].key == "note"
        assert memory.forget(scope, turn="note-3").left == 0
        assert not memory.check().damage
        stats = memory.stats(scope)
        assert stats.turns == 9
        assert stats.other_bytes > 0
        held = b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert len(held) > 20_000
        for word in SECRETS:
            assert word.encode() not in held
        assert memory.forget_user("miller", namespace="clinic").left == 0
    assert new_key() != new_key()


def test_a_wrong_key_or_none_is_named(path: Path) -> None:
    opened(path).close()
    with pytest.raises(MissingKeyError):
        opened(path, Keyring(NEW))
    with pytest.raises(MissingKeyError, match="OPTIMEM_KEY"):
        OpticalMemory.open(path, codec=plain_codec())
    with pytest.raises(MissingKeyError):
        OptimemStore.open(path)


def test_the_environment_seals_a_given_store_too_and_leaves_it_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMEM_KEY", OLD.hex())
    given = SQLiteStore(path)
    with OpticalMemory.open(given, codec=plain_codec()) as memory:
        memory.append("s", SAID)
    assert all(scope.session != "s" for scope in given.scopes())
    given.close()


class TestADroppedUser:
    @pytest.fixture
    def memory(self, path: Path, tmp_path: Path) -> Iterator[OpticalMemory]:
        keys = UserKeys(Keyring(OLD), tmp_path / "keys")
        with opened(path, keys) as memory:
            for user in ("ann", "bob"):
                for number in range(6):
                    memory.append(f"{user}/s", {"id": str(number), "text": f"{number} {SAID}" * 3})
                memory.flush(f"{user}/s")
            assert keys.drop("ann")
            yield memory

    def test_nothing_of_his_is_read_and_all_of_the_others(self, memory: OpticalMemory) -> None:
        turns = memory.reconstruct("ann/s")
        assert not turns
        assert all("key is not among" in each.reason for each in turns.unreadable)
        assert len(memory.reconstruct("bob/s")) == 6
        with pytest.raises(MissingKeyError):
            memory.append("ann/s", "more")
        report = memory.sweep(now=NOW + 40 * DAY)
        assert {each.scope for each in report.unreadable} == {"ann/s"}
        assert {move.scope for move in report.moves} == {"bob/s"}

    def test_a_repair_removes_nothing_and_forgetting_all(self, memory: OpticalMemory) -> None:
        assert memory.check().damage
        before = memory.stats("ann/s").stored_bytes
        with pytest.raises(MissingKeyError, match="not repaired"):
            memory.check("ann/s", repair=True)
        assert memory.stats("ann/s").stored_bytes == before
        assert memory.forget_user("ann").left == 0
        assert memory.append("ann/s", {"id": "new", "text": "again"}).added == 1
        assert [turn.text for turn in memory.reconstruct("ann/s")] == ["again"]

    def test_a_rotation_leaves_what_nobody_can_open(
        self, memory: OpticalMemory, tmp_path: Path
    ) -> None:
        keys = UserKeys(Keyring(NEW, OLD), tmp_path / "keys")
        rotation = rotate_keys(memory.store._store, keys=keys)  # type: ignore[attr-defined]
        assert rotation.unreadable > 5
        assert rotation.resealed + rotation.unreadable == rotation.records
        assert len(list((tmp_path / "keys").iterdir())) == 1


def test_damage_is_reported_where_it_is(path: Path) -> None:
    with opened(path) as memory:
        for name in ("a", "b"):
            memory.append(name, {"id": name, "text": SAID * 30})
            memory.flush(name)
        store = memory.store
        assert isinstance(store, SealedStore)
        below, swapped = store._store, dict[str, tuple[Scope, str, bytes]]()
        for name in ("a", "b"):
            scope = store._names.seal_scope(Scope(session=name))
            key = store._names.seal_key(
                Scope(session=name), store.entries(Scope(session=name), "page:")[0].key
            )
            (entry,) = below.get(scope, [key])
            assert entry
            swapped[name] = (scope, key, entry.value)
        below.commit(swapped["a"][0], [Change(swapped["a"][1], swapped["b"][2])])
        turns = memory.reconstruct("a")
        assert "moved" in turns.unreadable[0].reason
        assert not turns[0].exact
        with pytest.raises(FormatError):
            memory.forget("a", turn="a")
        assert memory.check("a", repair=True).damage
        assert not memory.check().damage
        assert [turn.exact for turn in memory.reconstruct("b")] == [True]


def test_rotating_what_has_no_keys_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match="no store"):
        rotate_keys(path)
    with opened(path) as memory:
        memory.append("s", SAID)
    plain = path.with_name("plain.db")
    SQLiteStore(plain).close()
    with pytest.raises(InputError, match="OPTIMEM_KEY"):
        rotate_keys(plain)
    assert rotate_keys(path, keys=Keyring(NEW, OLD)).resealed == 4
    with opened(path, Keyring(NEW)) as memory:
        assert [turn.text for turn in memory.reconstruct("s")] == [SAID]


def test_a_worker_seals_anew_what_is_under_an_old_key(path: Path) -> None:
    with opened(path, Keyring(OLD)) as memory:
        memory.append("s", SAID)
        memory.flush("s")
    with opened(path, Keyring(NEW, OLD)) as memory:
        assert memory.work(once=True).entries == 0
    with opened(path, Keyring(NEW)) as memory:
        assert [turn.text for turn in memory.reconstruct("s")] == [SAID]
    with pytest.raises(MissingKeyError):
        opened(path, Keyring(OLD))
