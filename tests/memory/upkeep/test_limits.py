"""Limits of scopes and users: what is refused, what fades sooner, what is dropped."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from optimem import Limits, OpticalMemory, QuotaError, Turn
from optimem.errors import InputError, StoreFullError
from optimem.memory.decay import DAY
from optimem.protocols import Page, ReadCells, VisionTokens
from optimem.testing import plain_codec
from optimem.testing.pages import PlainModel
from optimem.tiers import Tier
from tests.memory.factories import NOW, SCOPE, texts


def limited(line: str, lost: dict[Tier, int] | None = None) -> OpticalMemory:
    codec = plain_codec(lost)
    return OpticalMemory.open(":memory:", codec=codec, clock=lambda: NOW, limits=line)


def page_of(number: int) -> Turn:
    """A turn that fills a page of its own."""
    return Turn(text=f"{number:03d}" + " lorem" * 66, id=f"t{number}")


def held(memory: OpticalMemory) -> list[str]:
    return [turn[:3] for turn in texts(memory)]


def test_a_line_of_limits() -> None:
    limits = Limits.parse("bytes=50MB, user_bytes=1GiB,turns=9,full=fade")
    assert limits == Limits(bytes=50_000_000, user_bytes=1 << 30, turns=9, full="fade")
    assert Limits.parse("") == Limits() == Limits(bytes=1 << 30)
    assert Limits.parse("bytes=none").bytes is None
    for line in ("bytes=0", "turns=x", "full=stop", "size=3"):
        with pytest.raises(InputError):
            Limits.parse(line)


def test_a_turn_too_many_is_refused_by_name_and_nothing_is_stored() -> None:
    with limited("turns=3") as memory:
        memory.append(SCOPE, ["a", "b", "c"])
        with pytest.raises(QuotaError, match=r"acme/ann/s1 would hold 4 turns, and may hold 3"):
            memory.append(SCOPE, ["d"])
        assert memory.append(SCOPE, ["a", "b", "c"]).duplicates == 3  # sent again: nothing new
        assert texts(memory) == ["a", "b", "c"]
        memory.append("acme/bob/s1", "d")
        assert issubclass(QuotaError, StoreFullError)


def test_a_forgotten_turn_makes_room() -> None:
    with limited("turns=2") as memory:
        memory.append(SCOPE, [Turn(text="a", id="a"), Turn(text="b", id="b")])
        memory.forget(SCOPE, turn="a")
        assert memory.append(SCOPE, "c").added == 1


def test_bytes_are_those_that_are_stored() -> None:
    with limited("bytes=2KB") as memory:
        memory.append(SCOPE, "short")
        with pytest.raises(QuotaError, match="limit bytes"):
            memory.append(SCOPE, "long " * 400)


def test_the_oldest_pages_are_dropped_and_the_pinned_are_kept() -> None:
    with limited("turns=3,full=drop") as memory:
        for number in range(3):
            memory.append(SCOPE, page_of(number))
        memory.pin(SCOPE, "t0")
        memory.flush(SCOPE)
        memory.append(SCOPE, page_of(3))
        assert held(memory) == ["000", "002", "003"]
        assert memory.check().damage == []


def test_pages_that_have_faded_go_first() -> None:
    with limited("pages=3,full=drop") as memory:
        for number in range(2):
            memory.append(SCOPE, page_of(number), now=NOW - number * 40 * DAY)
            memory.flush(SCOPE, now=NOW - number * 40 * DAY)
        memory.sweep()
        assert memory.stats().pages_by_tier == {"large": 1, "tiny": 1}
        for number in range(2, 5):
            memory.append(SCOPE, page_of(number))
            memory.flush(SCOPE)
        assert held(memory) == ["002", "003", "004"]
        assert memory.check().damage == []


def test_pages_fade_sooner_before_any_is_dropped() -> None:
    model = ShrinkingModel()
    codec = plain_codec()._replace(encoder=model, decoder=model)
    memory = OpticalMemory.open(
        ":memory:", codec=codec, clock=lambda: NOW, limits="bytes=16KB,full=fade"
    )
    with memory:
        for number in range(8):
            memory.append(SCOPE, page_of(number))
            memory.flush(SCOPE)
        assert len(texts(memory)) == 8
        tiers = memory.stats().pages_by_tier
        assert tiers.keys() - {"large"}
        assert memory.stats().stored_bytes <= 16_000
        for number in range(8, 40):
            memory.append(SCOPE, page_of(number))
            memory.flush(SCOPE)
        assert held(memory)[-1] == "039"
        assert len(texts(memory)) < 40
        assert memory.stats().stored_bytes <= 16_000
        assert memory.check().damage == []


def test_the_floor_is_kept_and_pages_are_dropped_instead() -> None:
    with limited("bytes=12KB,full=fade", dict.fromkeys(set(Tier) - {Tier.LARGE}, 3)) as memory:
        for number in range(12):
            memory.append(SCOPE, page_of(number))
            memory.flush(SCOPE)
        assert memory.stats().pages_by_tier.keys() == {"large"}
        assert 1 < len(texts(memory)) < 12


def test_what_cannot_be_dropped_is_refused() -> None:
    with limited("turns=2,full=drop") as memory:
        memory.append(SCOPE, ["a", "b"])  # on no page yet
        with pytest.raises(QuotaError):
            memory.append(SCOPE, "c")


@pytest.mark.parametrize(
    ("line", "turns"),
    [
        ("bytes=20KB,full=drop", [Turn(text="x" * 30_000)]),
        ("bytes=20KB,full=fade", [Turn(text="x" * 30_000)]),
        ("turns=8,full=drop", [Turn(text=str(n), id=str(n)) for n in range(9)]),
        ("user_turns=8,full=drop", [Turn(text=str(n), id=str(n)) for n in range(9)]),
    ],
)
def test_nothing_is_dropped_for_what_would_not_fit_all_the_same(
    line: str, turns: list[Turn]
) -> None:
    with limited(line) as memory:
        for number in range(6):
            memory.append(SCOPE, page_of(number))
            memory.flush(SCOPE)
        before = memory.stats()
        with pytest.raises(QuotaError, match="dropping pages does not make room enough"):
            memory.append(SCOPE, turns)
        assert memory.stats() == before


def test_pinned_pages_and_the_tail_are_no_room() -> None:
    with limited("turns=4,full=drop") as memory:
        for number in range(2):
            memory.append(SCOPE, page_of(number))
            memory.flush(SCOPE)
        memory.pin(SCOPE, "t0")
        memory.append(SCOPE, ["a", "b"])
        with pytest.raises(QuotaError):
            memory.append(SCOPE, ["c", "d"])
        assert held(memory) == ["000", "001", "a", "b"]
        memory.append(SCOPE, "c")
        assert held(memory) == ["000", "a", "b", "c"]


def test_pages_count_as_soon_as_they_are_written() -> None:
    with limited("pages=2") as memory:
        for number in range(3):
            memory.append(SCOPE, page_of(number))
            memory.flush(SCOPE)
        with pytest.raises(QuotaError, match="would hold 3 pages, and may hold 2"):
            memory.append(SCOPE, page_of(3))


def test_a_users_sessions_share_a_limit_and_other_users_do_not() -> None:
    with limited("user_turns=3") as memory:
        memory.append("acme/ann/one", ["a", "b"])
        memory.append("acme/ann/two", "c")
        with pytest.raises(QuotaError, match="user 'ann' of namespace 'acme'"):
            memory.append("acme/ann/three", "d")
        memory.append("acme/bob/one", ["a", "b", "c"])
        memory.append("other/ann/one", ["a", "b", "c"])
        memory.append("nobody", ["a", "b", "c", "d"])


def test_a_user_makes_room_in_the_session_longest_unused() -> None:
    with limited("user_pages=2,full=drop") as memory:
        for number, session in enumerate(("old", "new", "now")):
            when = NOW + number
            memory.append(f"acme/ann/{session}", page_of(number), now=when)
            memory.flush(f"acme/ann/{session}", now=when)
        assert [len(memory.ids(f"acme/ann/{name}")) for name in ("old", "new", "now")] == [0, 1, 1]


def test_what_others_wrote_is_seen_before_anything_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with (
        OpticalMemory.open(path, codec=plain_codec(), limits="turns=4") as one,
        OpticalMemory.open(path, codec=plain_codec(), limits="turns=4") as other,
    ):
        one.append(SCOPE, ["a", "b", "c"])
        other.append(SCOPE, "d")
        other.forget(SCOPE)
        one.append(SCOPE, ["e", "f"])  # by its own count five turns
        assert texts(one) == ["e", "f"]


def test_the_environment_sets_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTIMEM_LIMITS", "turns=1")
    with OpticalMemory.open(":memory:", codec=plain_codec()) as memory:
        assert memory.limits.turns == 1


class ShrinkingModel(PlainModel):
    """Stores more on larger tiers, as a real model does."""

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        encoded = super().encode(pages, tier)
        return [replace(tokens, data=tokens.data + bytes(tier.value)) for tokens in encoded]

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        return super().read([replace(t, data=t.data[: -t.tier.value]) for t in tokens])
