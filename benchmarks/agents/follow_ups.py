"""What people say that means nothing by itself: "Yes, do it.", "How many was it?", "Summarise what
we agreed." Each is planted as turns of a conversation, with the value that the model needs to see.
"""

from collections.abc import MutableMapping, Sequence
from random import Random

from benchmarks.agents.exchanges import Exchange, PlantedFact
from benchmarks.agents.values import VALUES, fill

DINNERS = ("anniversary dinner", "choir rehearsal", "rowing regatta", "book club evening",
           "alumni reunion", "garden open day", "chess tournament", "pottery workshop")  # fmt: skip
CHOICES = ("oak table", "blue carpet", "brass lamp", "corner sofa", "slate floor", "linen curtain",
           "walnut shelf", "glass door")  # fmt: skip
GAP = 5
"""Turns at least between what is said and what refers to it."""


def plant_follow_ups(
    exchanges: MutableMapping[int, Exchange], free: Sequence[int], count: int, rng: Random
) -> list[PlantedFact]:
    """Put `count` follow-ups of each sort in place of the turns `free`; those of the last sort are
    asked about in one last turn."""
    if not count:
        return []
    last, rest = free[-1], free[:-1]
    turns = _Turns([turn for turn in rest if turn + 1 in rest], 3 * count)
    asked = []
    for number in range(count):
        asked.append(_confirmation(exchanges, turns.take(), rng))
        said = turns.take(0)
        asked.append(_number(exchanges, said, turns.take(said + GAP), DINNERS[number], rng))
        asked.append(_agreement(exchanges, turns.take(), last, CHOICES[number], rng))
    exchanges[last] = Exchange("Summarise what we agreed, please.", (), "Gladly.")
    return asked


class _Turns:
    """Pairs of turns that are free, given out evenly over the conversation."""

    def __init__(self, pairs: Sequence[int], parts: int) -> None:
        step = max(len(pairs) // parts, 1)
        self._pairs, self._spread, self._used = pairs, pairs[::step], set[int]()

    def take(self, after: int = -1) -> int:
        """The first turn of a pair after a turn."""
        found = (
            turn
            for turn in [*(self._spread if after < 0 else ()), *self._pairs]
            if turn > after and not {turn, turn + 1} & self._used
        )
        turn = next(found)
        self._used |= {turn, turn + 1}
        return turn


def _confirmation(exchanges: MutableMapping[int, Exchange], turn: int, rng: Random) -> PlantedFact:
    amount, person = VALUES["amount"](rng), VALUES["person"](rng)
    exchanges[turn] = Exchange(
        f"Draft an answer to {person}, we can pay them.", (),
        f"It offers {person} exactly {amount}. Shall I send it?",
    )  # fmt: skip
    exchanges[turn + 1] = Exchange("Yes, do it.", (), "Sent.")
    return PlantedFact("confirm", amount, "Yes, do it.", turn + 1)


def _number(
    exchanges: MutableMapping[int, Exchange], said: int, back: int, event: str, rng: Random
) -> PlantedFact:
    people = f"{rng.randint(120, 990)} people"
    exchanges[said] = Exchange(f"For the {event} we expect {people}.", (), "Noted.")
    exchanges[back] = Exchange(f"Back to the {event} for a moment.", (), "Sure, what about it?")
    exchanges[back + 1] = Exchange("How many was it?", (), "One moment.")
    return PlantedFact("number", people, "How many was it?", back + 1)


def _agreement(
    exchanges: MutableMapping[int, Exchange], turn: int, last: int, choice: str, rng: Random
) -> PlantedFact:
    """A decision, asked for together with all others in the last turn."""
    thing = f"{choice} from {fill('{company}', rng)}"
    exchanges[turn] = Exchange(f"Then we agreed: we take the {thing}.", (), "Agreed.")
    return PlantedFact("agreed", thing, "Summarise what we agreed, please.", last)
