"""Which turns of an append are new: the same list again, the whole conversation, equal words."""

import pytest

from optimem.errors import ChangedTurnError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.writing.admission import OCCURRENCES, RECENT, RUN
from optimem.reports import AppendReport
from optimem.testing import open_memory
from optimem.turns import Turn
from tests.memory.factories import NOW, SCOPE, texts


def said(*texts: str) -> list[dict[str, str]]:
    """Turns of a user and an assistant in turn, without ids or times."""
    roles = ("user", "assistant")
    return [{"text": text, "role": roles[at % 2]} for at, text in enumerate(texts)]


def test_equal_turns_of_one_conversation_are_two() -> None:
    talk = said("Deploy?", "Sure?", "yes", "Really?", "yes", "Done.")
    with open_memory() as memory:
        assert memory.append(SCOPE, talk).added == 6
        assert texts(memory) == ["Deploy?", "Sure?", "yes", "Really?", "yes", "Done."]
        assert len({turn.id for turn in memory.reconstruct(SCOPE)}) == 6


def test_equal_turns_that_come_one_by_one_are_two() -> None:
    with open_memory() as memory:
        for turn in said("yes", "Really?", "yes", "Really?", "yes"):
            assert memory.append(SCOPE, turn) == AppendReport(added=1, duplicates=0)
            assert memory.append(SCOPE, turn) == AppendReport(added=0, duplicates=1)  # a retry
        assert len(texts(memory)) == 5


@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, RECENT, 3 * RECENT])
def test_the_same_list_again_is_stored_once(size: int, flush: bool) -> None:
    talk = said(*(("yes", "no", "ok")[n % 3] for n in range(size)))
    with open_memory() as memory:
        for added in (size, 0, 0):
            report = memory.append(SCOPE, talk)
            assert report == AppendReport(added=added, duplicates=size - added)
            if flush:
                memory.flush(SCOPE)
        assert len(texts(memory)) == size


@pytest.mark.parametrize("window", [4, RECENT - 1, RECENT, 999])
def test_a_conversation_that_is_sent_whole_or_in_part_with_each_turn(window: int) -> None:
    words = [("yes", "no", "maybe", f"turn {n}")[n % 4] for n in range(3 * RECENT)]
    talk = said(*words)
    with open_memory() as memory:
        for end in range(1, len(talk) + 1):
            assert memory.append(SCOPE, talk[max(end - window, 0) : end]).added == 1
        assert texts(memory) == words


def test_turns_side_by_side_are_known_again_wherever_they_are() -> None:
    first, second = said(*"abcd"), said(*"efgh")
    with open_memory() as memory:
        memory.append(SCOPE, first)
        memory.append(SCOPE, second)
        assert memory.append(SCOPE, first).added == 0
        assert memory.append(SCOPE, first[1 : 1 + RUN]).added == 0
        assert memory.append(SCOPE, [*first, *said("new")]).added == 1
        assert memory.append(SCOPE, said("a", "d", "b")).added == 3  # never said in this order


def test_turns_with_an_id_or_a_time_and_documents_count_once_wherever_they_stand() -> None:
    turns = [
        Turn(text="same", id="m1"), Turn(text="same", id="m2"), Turn(text="same", time=NOW),
        Turn(text="same", role="text"),
    ]  # fmt: skip
    with open_memory() as memory:
        assert memory.append(SCOPE, [*turns, *turns]).added == 4
        for turn in turns:
            memory.append(SCOPE, "something else")
            assert memory.append(SCOPE, turn) == AppendReport(added=0, duplicates=1)


def test_ids_between_turns_without_one() -> None:
    talk = [Turn(text="yes"), Turn(text="ok", id="r1"), Turn(text="yes"), Turn(text="ok", id="r2")]
    with open_memory() as memory:
        for end in (2, 4, 4):
            memory.append(SCOPE, talk[:end])
        assert texts(memory) == ["yes", "ok", "yes", "ok"]


def test_words_said_often() -> None:
    count = 3 * OCCURRENCES
    with open_memory() as memory:
        for number in range(count):
            memory.append(SCOPE, [Turn(text=f"question {number}"), Turn(text="yes")])
        assert texts(memory).count("yes") == count
        ids = [turn.id for turn in memory.reconstruct(SCOPE)]
        assert len(set(ids)) == 2 * count
        assert memory.forget(SCOPE, turn=ids[-1]).left == 0
        assert texts(memory).count("yes") == count - 1


def test_an_id_that_stands_for_another_text_is_named_and_nothing_is_appended() -> None:
    with open_memory() as memory:
        memory.append(SCOPE, Turn(text="The port is 6543.", id="m1"))
        for _ in range(2):
            with pytest.raises(ChangedTurnError, match="'m1' is known with another text"):
                memory.append(SCOPE, [Turn(text="new", id="m2"), Turn(text="The port?", id="m1")])
            memory.flush(SCOPE)  # and once it is on a page
        assert memory.append(SCOPE, Turn(text="The port is 6543.", id="m1")).duplicates == 1
        assert texts(memory) == ["The port is 6543."]
        memory.forget(SCOPE, turn="m1")
        memory.readmit(SCOPE, turn="m1")
        assert memory.append(SCOPE, Turn(text="The port is 7654.", id="m1")).added == 1
        assert texts(memory) == ["The port is 7654."]


def test_one_id_twice_in_an_append_must_have_one_text() -> None:
    with open_memory() as memory:
        with pytest.raises(ChangedTurnError):
            memory.append(SCOPE, [Turn(text="a", id="m"), Turn(text="b", id="m")])
        assert memory.append(SCOPE, [Turn(text="a", id="m"), Turn(text="a", id="m")]).added == 1


def test_what_is_imported_can_fade_from_its_own_time_on() -> None:
    turns = [
        Turn(text="old " * 30, id="a", time=NOW - 40 * DAY),
        Turn(text="b", time=NOW - 35 * DAY),
    ]
    for aged, tier in ((True, "tiny"), (False, "base")):
        with open_memory(policy=DecayPolicy(floor=0), clock=lambda: NOW) as memory:
            memory.append(SCOPE, turns, aged=aged)
            memory.flush(SCOPE)
            memory.sweep(now=NOW + 1.5 * DAY)
            assert {turn.tier for turn in memory.reconstruct(SCOPE)} == {tier}


def test_a_turn_from_a_time_to_come_begins_to_fade_now() -> None:
    with open_memory(policy=DecayPolicy(floor=0), clock=lambda: NOW) as memory:
        memory.append(SCOPE, Turn(text="soon", time=NOW + 90 * DAY), aged=True)
        memory.flush(SCOPE)
        memory.sweep(now=NOW + 1.5 * DAY)
        assert memory.reconstruct(SCOPE)[0].tier == "base"
