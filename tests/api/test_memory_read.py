"""Turns by their ids, in the tail and on pages."""

from optimem.testing import open_memory
from optimem.turns import Turn

SCOPE = "acme/ann/s1"


def test_ids_and_turns_come_in_order_from_pages_and_tail() -> None:
    memory = open_memory()
    memory.append(SCOPE, [Turn(text=f"{i} " + "x" * 90, id=f"t{i}") for i in range(9)])
    memory.flush(SCOPE)
    memory.append(SCOPE, [Turn(text="last", id="t9", role="assistant")])
    assert memory.ids(SCOPE) == [f"t{i}" for i in range(10)]
    read = memory.read(SCOPE, ["t9", "unknown", "t2"])
    assert [(turn.id, turn.role, turn.text[:4]) for turn in read] == [
        ("t2", "user", "2 xx"), ("t9", "assistant", "last"),
    ]  # fmt: skip


def test_only_the_pages_of_the_turns_are_decoded() -> None:
    memory = open_memory()
    memory.append(SCOPE, [Turn(text=f"{i} " + "x" * 390, id=f"t{i}") for i in range(9)])
    memory.flush(SCOPE)
    before = memory.codec.decoder.read_pages
    assert memory.ids(SCOPE)[0] == "t0"
    assert memory.codec.decoder.read_pages == before
    memory.read(SCOPE, ["t4"])
    assert memory.codec.decoder.read_pages <= before + 2


def test_forgotten_turns_are_neither_listed_nor_read() -> None:
    memory = open_memory()
    memory.append(SCOPE, [Turn(text="secret", id="a"), Turn(text="kept", id="b")])
    memory.forget(SCOPE, turn="a")
    assert memory.ids(SCOPE) == ["b"]
    assert memory.read(SCOPE, ["a"]) == []
    assert memory.read("nobody", ["a"]) == []
