"""A seeded conversation of a person with an agent: topics that come and go, facts planted among
them, and distractors that resemble the facts. Text only; knows nothing of messages or models.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from benchmarks.agents.exchanges import Call, Exchange, PlantedFact
from benchmarks.agents.facts import FACTS, Fact, Statement
from benchmarks.agents.follow_ups import plant_follow_ups
from benchmarks.agents.topics import ASIDES, LOOKUP_REPLIES, STATEMENT_REPLIES, TOPICS
from benchmarks.agents.values import VALUES, Draw, fill
from optimem.errors import InputError

CALL_SHARE = 0.6
"""Of the turns about a topic: those in which the agent calls a tool."""
TWO_CALLS_SHARE = 0.15
"""Of these: those with two calls at once."""
ASIDE_SHARE = 0.35
"""Of all turns: those in which the user adds an aside."""
RESULT_ROWS = (2, 6)
"""Lines of a tool's result, fewest and most."""
SUBJECT = ("first", "person", "company", "city", "thing", "service", "day", "ticket")
"""Slots that have one value throughout a turn about a topic."""
ATTEMPTS = 100
"""To draw a value that the conversation does not mention yet."""


@dataclass(frozen=True)
class Conversation:
    """Turns in order, the facts planted in them, and the follow-ups among them."""

    exchanges: tuple[Exchange, ...]
    facts: tuple[PlantedFact, ...]
    follow_ups: tuple[PlantedFact, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of conversation. `turns`, `facts`: how many. `follow_ups`: of each of three sorts.
    `call_share`: of the turns about a topic, those with tool calls. `steps`: the fewest and most
    calls one after the other, none if (0, 0). `rows`: of a tool's result. `distract`: whether
    distractors resemble the facts."""

    turns: int
    facts: int
    follow_ups: int
    call_share: float
    steps: tuple[int, int] = (0, 0)
    rows: tuple[int, int] = RESULT_ROWS
    distract: bool = True


KINDS = {
    "talk": Kind(turns=300, facts=40, follow_ups=8, call_share=0.25),
    "tools": Kind(turns=300, facts=40, follow_ups=8, call_share=0.95, rows=(4, 16)),
    "coding": Kind(turns=60, facts=16, follow_ups=3, call_share=1.0, steps=(8, 24),
                   rows=(6, 30), distract=False),
}  # fmt: skip
"""What people use agents for."""


def make_conversation(seed: int, turns: int, facts: int) -> Conversation:
    """A conversation with one fact at random in each of `facts` equal parts, and the distractors
    anywhere else. No fact's value occurs in another turn. Raises InputError if they do not fit."""
    return make_of_kind(seed, Kind(turns, facts, follow_ups=0, call_share=CALL_SHARE))


def make_of_kind(seed: int, kind: Kind) -> Conversation:
    """A conversation of a kind; see `make_conversation`."""
    rng = Random(seed)
    turns, facts = kind.turns, kind.facts
    chosen = choose_facts(facts, rng)
    distractors = [
        (fact, statement) for fact in chosen for statement in fact.distractors if kind.distract
    ]
    if turns < facts + len(distractors):
        raise InputError(
            f"{facts} facts and {len(distractors)} distractors do not fit in {turns} turns; give "
            "more turns or fewer facts"
        )
    planted = [turns * i // facts + rng.randrange(turns // facts) for i in range(facts)]
    free = sorted(set(range(turns)) - set(planted))
    distracting = dict(zip(rng.sample(free, len(distractors)), distractors, strict=True))
    exchanges = {
        turn: _distractor(*distracting[turn], rng)
        if turn in distracting
        else _small_talk(rng, kind)
        for turn in free
    }
    placed = []
    for turn, fact in zip(planted, chosen, strict=True):
        value = _new_value(VALUES[fact.value], exchanges.values(), rng)
        exchanges[turn] = _state(fact.statement, value, rng)
        placed.append(PlantedFact(fact.kind, value, fact.question, turn))
    taken = {*planted, *distracting}
    asked = plant_follow_ups(exchanges, sorted({*range(turns)} - taken), kind.follow_ups, rng)
    said = tuple(exchanges[turn] for turn in range(turns))
    return Conversation(said, tuple(placed), tuple(asked))


def choose_facts(count: int, rng: Random) -> list[Fact]:
    """Facts in random order, as evenly from all kinds as possible."""
    if not 0 < count <= len(FACTS):
        raise InputError(f"cannot plant {count} facts; give 1 to {len(FACTS)}")
    shuffled = rng.sample(FACTS, len(FACTS))
    used = Counter[str]()
    ranks = []
    for fact in shuffled:
        ranks.append(used[fact.kind])
        used[fact.kind] += 1
    order = sorted(range(len(shuffled)), key=ranks.__getitem__)[:count]
    return rng.sample([shuffled[index] for index in order], count)


def _distractor(fact: Fact, statement: Statement, rng: Random) -> Exchange:
    return _state(statement, VALUES[fact.value](rng), rng)


def _state(statement: Statement, value: str, rng: Random) -> Exchange:
    """A turn in which a value is mentioned or looked up."""
    if isinstance(statement, str):
        request = _with_aside(fill(statement, rng, v=value), rng)
        return Exchange(request, (), rng.choice(STATEMENT_REPLIES))
    query = fill(statement.query, rng, v=value)
    call = Call(statement.tool, query, fill(statement.result, rng, v=value))
    request = _with_aside(fill(statement.request, rng, v=value), rng)
    return Exchange(request, (call,), rng.choice(LOOKUP_REPLIES))


def _small_talk(rng: Random, kind: Kind) -> Exchange:
    """A turn about a random topic, with one subject throughout."""
    topic = rng.choice(TOPICS)
    subject = {name: VALUES[name](rng) for name in SUBJECT}
    request = _with_aside(fill(rng.choice(topic.requests), rng, **subject), rng)
    calls = tuple(
        Call(
            topic.tool,
            fill(topic.query, rng, **subject),
            "\n".join(fill(topic.row, rng) for _ in range(rng.randint(*kind.rows))),
        )
        for _ in range(_call_count(rng, kind))
    )
    answer = fill(rng.choice(topic.answers), rng, **subject)
    return Exchange(request, calls, answer, in_turn=kind.steps != (0, 0))


def _call_count(rng: Random, kind: Kind) -> int:
    several = 1 + (rng.random() < TWO_CALLS_SHARE)
    called = rng.random() < kind.call_share
    return called * (rng.randint(*kind.steps) if kind.steps != (0, 0) else several)


def _with_aside(text: str, rng: Random) -> str:
    return f"{text} {fill(rng.choice(ASIDES), rng)}" if rng.random() < ASIDE_SHARE else text


def _new_value(draw: Draw, exchanges: Iterable[Exchange], rng: Random) -> str:
    """A value that no exchange mentions yet."""
    for _ in range(ATTEMPTS):
        value = draw(rng)
        if not any(value in exchange.text for exchange in exchanges):
            return value
    raise InputError(f"every value such as {value!r} is mentioned already; give another seed")
