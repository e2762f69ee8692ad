"""A seeded conversation of a person with an agent: topics that come and go, facts planted among
them, and distractors that resemble the facts. Text only; knows nothing of messages or models.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from benchmarks.agents.facts import FACTS, Fact, Statement
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
class Call:
    """A tool call and its result."""

    tool: str
    query: str
    result: str


@dataclass(frozen=True)
class Exchange:
    """One turn of the conversation: a request, perhaps tool calls, and the agent's answer."""

    request: str
    calls: tuple[Call, ...]
    answer: str

    @property
    def text(self) -> str:
        """All of it."""
        calls = (f"{call.query}\n{call.result}" for call in self.calls)
        return "\n".join((self.request, *calls, self.answer))


@dataclass(frozen=True)
class PlantedFact:
    """A value that occurs in one turn only, and the question about it."""

    kind: str
    value: str
    question: str
    turn: int


@dataclass(frozen=True)
class Conversation:
    """Turns in order, and the facts planted in them."""

    exchanges: tuple[Exchange, ...]
    facts: tuple[PlantedFact, ...]


def make_conversation(seed: int, turns: int, facts: int) -> Conversation:
    """A conversation with one fact at random in each of `facts` equal parts, and the distractors
    anywhere else. No fact's value occurs in another turn. Raises InputError if they do not fit."""
    rng = Random(seed)
    chosen = choose_facts(facts, rng)
    distractors = [(fact, statement) for fact in chosen for statement in fact.distractors]
    if turns < facts + len(distractors):
        raise InputError(
            f"{facts} facts and {len(distractors)} distractors do not fit in {turns} turns; give "
            "more turns or fewer facts"
        )
    planted = [turns * i // facts + rng.randrange(turns // facts) for i in range(facts)]
    free = sorted(set(range(turns)) - set(planted))
    distracting = dict(zip(rng.sample(free, len(distractors)), distractors, strict=True))
    exchanges = {
        turn: _distractor(*distracting[turn], rng) if turn in distracting else _small_talk(rng)
        for turn in free
    }
    placed = []
    for turn, fact in zip(planted, chosen, strict=True):
        value = _new_value(VALUES[fact.value], exchanges.values(), rng)
        exchanges[turn] = _state(fact.statement, value, rng)
        placed.append(PlantedFact(fact.kind, value, fact.question, turn))
    return Conversation(tuple(exchanges[turn] for turn in range(turns)), tuple(placed))


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


def _small_talk(rng: Random) -> Exchange:
    """A turn about a random topic, with one subject throughout."""
    topic = rng.choice(TOPICS)
    subject = {name: VALUES[name](rng) for name in SUBJECT}
    request = _with_aside(fill(rng.choice(topic.requests), rng, **subject), rng)
    count = (1 + (rng.random() < TWO_CALLS_SHARE)) if rng.random() < CALL_SHARE else 0
    calls = tuple(
        Call(
            topic.tool,
            fill(topic.query, rng, **subject),
            "\n".join(fill(topic.row, rng) for _ in range(rng.randint(*RESULT_ROWS))),
        )
        for _ in range(count)
    )
    return Exchange(request, calls, fill(rng.choice(topic.answers), rng, **subject))


def _with_aside(text: str, rng: Random) -> str:
    return f"{text} {fill(rng.choice(ASIDES), rng)}" if rng.random() < ASIDE_SHARE else text


def _new_value(draw: Draw, exchanges: Iterable[Exchange], rng: Random) -> str:
    """A value that no exchange mentions yet."""
    for _ in range(ATTEMPTS):
        value = draw(rng)
        if not any(value in exchange.text for exchange in exchanges):
            return value
    raise InputError(f"every value such as {value!r} is mentioned already; give another seed")
