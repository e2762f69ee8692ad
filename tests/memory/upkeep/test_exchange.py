"""A memory as JSON Lines, and back."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from optimem import OpticalMemory
from optimem.errors import InputError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.records.records import image_turn
from optimem.testing import FakeImageReader, plain_codec
from optimem.testing import open_memory as on_fakes
from optimem.tiers import Tier
from optimem.turns import Turn
from tests.memory.factories import NOW, SCOPE, InterruptedStore

OTHER = "acme/ann/s2"
TURNS = [
    Turn(text="Port\n6543 — \u2028 \u202e", role="assistant", id="m1", time=3.5, extra={"a": [1]}),
    Turn(text="", role="tool", id="empty"),
    Turn(text="long " * 300, id="long"),
]
HEADER = '{"kind": "optimem export", "version": 1, "time": 0}'


def lines(memory: OpticalMemory, *scopes: str, images: bool = False) -> list[str]:
    return [json.dumps(line) for line in memory.export(scopes, images=images)]


def shown(memory: OpticalMemory, scope: str = SCOPE) -> list[tuple[object, ...]]:
    turns = memory.reconstruct(scope)
    return [(t.id, t.role, t.time, t.text, t.extra) for t in turns]


def test_an_import_holds_what_was_exported(memory: OpticalMemory) -> None:
    memory.append(SCOPE, TURNS)
    memory.flush(SCOPE)
    memory.append(SCOPE, "in the tail")
    memory.append(OTHER, "another session")
    memory.pin(SCOPE, "m1")
    exported = lines(memory, SCOPE, OTHER)
    other = on_fakes()
    report = other.import_lines(exported)
    assert (report.scopes, report.added, report.duplicates) == (2, 5, 0)
    assert shown(other) == shown(memory)
    assert shown(other, OTHER) == shown(memory, OTHER)
    assert other.import_lines(exported).duplicates == 5
    again = [json.loads(line) for line in lines(other, SCOPE, OTHER)]
    assert [turn.get("pinned") for turn in again[1:-1]] == [True, False, False, False, False]


def test_a_pin_is_exported_while_its_turn_moves_to_a_page() -> None:
    store = InterruptedStore()
    with on_fakes(store) as memory:
        memory.append(SCOPE, Turn(text="x" * 99, id="before"))
        memory.flush(SCOPE)
        memory.append(SCOPE, Turn(text="kept", id="kept"))
        memory.pin(SCOPE, "kept")

        def later() -> None:  # when pages are fetched again, for their pins
            store.other = lambda: memory.flush(SCOPE)

        store.other = later
        turns = [line for line in memory.export([SCOPE]) if line["kind"] == "turn"]
        assert store.other is None
        assert [turn["pinned"] for turn in turns] == [False, True]


def test_what_has_faded_says_how_certain_it_is() -> None:
    with OpticalMemory.open(
        ":memory:", codec=plain_codec({Tier.TINY: 20}), clock=lambda: NOW
    ) as memory:
        memory.append(SCOPE, "w" * 300)
        memory.flush(SCOPE)
        memory.sweep(now=NOW + 40 * DAY)
        turn = json.loads(lines(memory, SCOPE)[1])
    assert (turn["tier"], turn["exact"], turn["text"].count("\ufffd")) == ("tiny", False, 15)


def test_images_and_pictures_of_pages(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(b"one")
    memory = on_fakes(images=FakeImageReader())
    memory.append_file(SCOPE, path)
    memory.flush(SCOPE)
    exported = lines(memory, SCOPE, images=True)
    kinds = [json.loads(line)["kind"] for line in exported]
    assert kinds == ["optimem export", "turn", "image", "page", "end"]
    assert base64.b64decode(json.loads(exported[3])["png"]).startswith(b"\x89PNG")
    other = on_fakes(images=FakeImageReader())
    assert other.import_lines(exported).images == 1
    (turn,) = other.ids(SCOPE)
    assert turn.startswith(image_turn(""))
    assert lines(other, SCOPE)[2] == exported[2]


def test_what_was_forgotten_is_not_imported(memory: OpticalMemory) -> None:
    memory.append(SCOPE, TURNS)
    memory.pin(SCOPE, "m1")
    exported = lines(memory, SCOPE)
    memory.forget(SCOPE)
    report = memory.import_lines(exported)
    assert (report.added, report.forgotten) == (0, 3)


def test_what_came_before_a_broken_line_is_appended_if_wanted(memory: OpticalMemory) -> None:
    turns = [f'{{"kind": "turn", "scope": "s", "id": "{n}", "text": "{n}"}}' for n in range(3)]
    for broken in ('{"kind": "tu', '{"kind": "turn", "scope": "s", "text": "\\ud800"}'):
        given = [HEADER, *turns, broken]
        with pytest.raises(InputError, match=r"nothing is appended"):
            memory.import_lines(given)
        assert memory.scopes() == []
    for broken in ('{"kind": "tu', '{"kind": "turn", "scope": "s", "text": "\\ud800"}'):
        with pytest.raises(InputError, match=r"line 5 is not a line of an export: .*is appended"):
            memory.import_lines([HEADER, *turns, broken], partial=True)
        assert memory.ids("s") == ["0", "1", "2"]


class TestWhole:
    @pytest.fixture
    def exported(self) -> list[str]:
        memory = on_fakes()
        memory.append(SCOPE, TURNS)
        return lines(memory, SCOPE)

    @pytest.mark.parametrize("kept", range(1, 5))
    def test_an_export_cut_at_the_end_of_a_line(
        self, memory: OpticalMemory, exported: list[str], kept: int
    ) -> None:
        with pytest.raises(InputError, match=rf"cut off behind line {kept},.*--partial"):
            memory.import_lines(exported[:kept])
        assert memory.scopes() == []
        assert memory.import_lines(exported[:kept], partial=True).added == kept - 1

    @pytest.mark.parametrize(
        "change",
        [
            lambda given: [*given[:1], *given[2:]],
            lambda given: [*given[:2], given[1], *given[2:]],
            lambda given: [given[0], given[2], given[1], *given[3:]],
            lambda given: [given[0], given[1].replace("6543", "6544"), *given[2:]],
            lambda given: [*given, given[1]],
            lambda given: [*given, given[-1]],
        ],
    )
    def test_lines_lost_doubled_moved_or_changed(
        self, memory: OpticalMemory, exported: list[str], change: Any
    ) -> None:
        with pytest.raises(InputError, match=r"line \d is not a line of an export.*nothing is app"):
            memory.import_lines(change(exported))
        assert memory.scopes() == []

    def test_two_exports_one_behind_the_other(
        self, memory: OpticalMemory, exported: list[str]
    ) -> None:
        both = [*exported, "", *exported]
        assert memory.import_lines(iter(both)).duplicates == 3
        with pytest.raises(InputError, match="cut off"):
            memory.import_lines(both[:-1])

    def test_the_same_json_written_in_another_way(
        self, memory: OpticalMemory, exported: list[str]
    ) -> None:
        again = [json.dumps(json.loads(line), ensure_ascii=False, indent=1) for line in exported]
        assert memory.import_lines(again).added == 3


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["", HEADER.replace("export", "report"), '{"kind": "turn", "scope": "s", "text": "x"}'],
        ["{}"],
        ["[1]"],
        ['{"kind": "optimem export", "version": 2}'],
        [HEADER, "{"],
        [HEADER, '{"kind": "turn", "scope": "s"}'],
        [HEADER, '{"kind": "turn", "scope": 7, "text": "x"}'],
        [HEADER, '{"kind": "turn", "scope": "s", "text": "\\ud800"}'],
        [HEADER, '{"kind": "turn", "scope": "optimem.x/s/t", "text": "x"}'],
        [HEADER, '{"kind": "image", "scope": "s", "turn": "image:1", "tokens": "?"}'],
        [HEADER, "[" * 99_999],
    ],
)
def test_what_is_no_export_is_named(memory: OpticalMemory, given: list[str]) -> None:
    with pytest.raises(InputError):
        memory.import_lines(given)
    assert memory.scopes() == []


def test_speakers_come_back_and_turns_may_go_on_ageing() -> None:
    said = Turn(text="I moved to Oslo.", name="Ann", id="a", time=NOW - 40 * DAY)
    with on_fakes(clock=lambda: NOW) as memory:
        memory.append(SCOPE, said)
        memory.flush(SCOPE)
        exported = lines(memory, SCOPE)
    for aged, tier in ((True, "tiny"), (False, "base")):
        with on_fakes(policy=DecayPolicy(floor=0), clock=lambda: NOW) as other:
            other.import_lines(exported, aged=aged)
            other.flush(SCOPE)
            other.sweep(now=NOW + 1.5 * DAY)
            (turn,) = other.reconstruct(SCOPE)
            assert (turn.name, turn.speaker, turn.tier) == ("Ann", "Ann", tier)
