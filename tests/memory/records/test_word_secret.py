"""Hidden indexes: a dictionary finds nothing in them without the secret, and everything with it."""

from itertools import product
from pathlib import Path
from zlib import crc32

import pytest

from optimem.api.memory import OpticalMemory
from optimem.errors import FormatError
from optimem.items.collection import Collection, ItemQuery, new_item
from optimem.items.names import Address
from optimem.memory.records.index_serialization import parse_index
from optimem.memory.records.records import entry_place
from optimem.memory.records.word_secret import HOME, hide, make_word_secret, reveal, word_secret
from optimem.omem.container import ContainerKind, unpack_container
from optimem.protocols import Change
from optimem.store.sqlite import SQLiteStore
from optimem.testing import InMemoryStore, plain_codec
from optimem.text.terms import role_term, terms

NOW, SCOPE = 1_700_000_000.0, "s"
SAID = "Quillfeather rotates the harpsichord ledger; zinnia and marigold listen on port 6543."
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se")


def dictionary() -> list[str]:
    """20,000 words, those of the text among them."""
    made = map("".join, product(SYLLABLES, repeat=4))
    return [*SAID.replace(";", " ").replace(".", " ").split(), *made][:20_000]


def filled() -> tuple[OpticalMemory, list[bytes]]:
    """A memory with a page and an item, and the stored sections that index them."""
    store = InMemoryStore()
    memory = OpticalMemory(store, plain_codec(), clock=lambda: NOW)
    memory.append(SCOPE, SAID)
    memory.flush(SCOPE)
    Collection(store).write({Address(("n",), "k"): new_item({"a": SAID}, [["a"]])}, NOW)
    sections = []
    for scope in store.scopes():
        for info in store.entries(scope):
            (entry,) = store.get(scope, [info.key])
            kind = {"index": ContainerKind.INDEX, "mark": ContainerKind.MARK}.get(
                info.key.partition(":")[0]
            )
            if kind and entry:
                place = entry_place(scope, info.key)
                with unpack_container(kind, entry.value, place=place) as found:
                    words = found[1] if kind is ContainerKind.MARK else found[-1]
                    sections.append((words, place))
    assert len(sections) == 2
    secret = word_secret(store)
    assert secret
    for hidden, place in sections:
        read = parse_index(reveal(hidden, secret, place))
        assert set(read.term.tolist()) - {role_term("user")} == set(
            terms(SAID)
        )  # who knows the secret reads all of it
    return memory, [hidden for hidden, _ in sections]


def test_a_dictionary_finds_nothing_in_what_is_stored() -> None:
    _, hidden = filled()
    hashes = {term for word in dictionary() for term in terms(word)}
    hashes |= {crc32(word.encode()) for word in dictionary()}
    assert hashes >= set(terms(SAID))
    for section in hidden:
        with pytest.raises(Exception, match=r"content size|not|bytes|frame"):
            parse_index(section)
        windows = {int.from_bytes(section[at : at + 4], "little") for at in range(len(section))}
        assert len(windows & hashes) < 2  # one in a thousand times there is one by chance


def test_equal_words_are_hidden_differently_and_the_same_again_alike() -> None:
    secret = bytes(range(32))
    assert hide(b"words", secret, b"a") == hide(b"words", secret, b"a")
    one, other = hide(b"words", secret, b"a"), hide(b"words", secret, b"b")
    assert one[16:] != other[16:]
    assert hide(b"words", bytes(32), b"a") != one
    assert reveal(one, secret, b"a") == b"words"
    assert reveal(hide(b"", secret, b"a"), secret, b"a") == b""
    bad = [(one, b"b", secret), (one, b"a", bytes(32)), (one, b"a", None), (b"", b"a", secret)]
    bad += [(one[:-1] + b"?", b"a", secret), (one[:9], b"a", secret)]
    for hidden, place, key in bad:
        with pytest.raises(ValueError, match="secret"):
            reveal(hidden, key, place)


def test_reading_makes_no_secret_and_two_that_write_share_one(tmp_path: Path) -> None:
    stores = [SQLiteStore(tmp_path / "m.db") for _ in range(2)]
    memory = OpticalMemory(stores[0], plain_codec(), clock=lambda: NOW)
    memory.append(SCOPE, SAID)
    assert memory.recall(SCOPE, "marigold")
    assert [word_secret(store) for store in stores] == [None, None]
    assert len({make_word_secret(store) for store in stores}) == 1
    for store in stores:
        store.close()


@pytest.mark.parametrize("damage", [b"", b"other", None])
def test_a_lost_secret_is_reported_and_repaired(damage: bytes | None) -> None:
    memory, _ = filled()
    store = InMemoryStore()  # a process that knows the secret goes on with it
    for scope in memory.store.scopes():
        for info in memory.store.entries(scope):
            (entry,) = memory.store.get(scope, [info.key])
            assert entry
            value = damage if scope == HOME else entry.value
            store.commit(scope, [Change(info.key, value)])
    again = OpticalMemory(store, plain_codec(), clock=lambda: NOW)
    turns = again.recall(SCOPE, "marigold")
    assert not turns
    assert turns.unreadable[0].entry.startswith("index:")
    assert again.check(repair=True).damage
    assert [turn.text for turn in again.recall(SCOPE, "marigold")] == [SAID]
    assert not again.check().damage
    with pytest.raises(FormatError):
        Collection(store).search(ItemQuery(("n",), "marigold"), NOW)


def test_a_secret_of_another_length_is_refused() -> None:
    store = InMemoryStore()
    make_word_secret(store)
    (entry,) = store.get(HOME, ["secret"])
    assert entry
    other = InMemoryStore()
    other.commit(HOME, [Change("secret", entry.value[:-1])])
    with pytest.raises(FormatError, match="secret of the indexes"):
        word_secret(other)
    assert make_word_secret(other) != make_word_secret(store)


def test_the_stats_do_not_count_it() -> None:
    memory, _ = filled()
    assert memory.stats().scopes == 2
    assert HOME in set(memory.store.scopes())
