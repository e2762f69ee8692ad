"""A seeded conversation of a person with an agent: topics that come and go, facts planted among
them, and things that resemble the facts. Text only; knows nothing of messages or models.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from benchmarks.agents.facts import FACTS, Fact, Statement
from benchmarks.agents.topics import ASIDES, FOUND, NOTED, TOPICS
from benchmarks.agents.values import MAKERS, PromptBuilder, filled
from optimem.errors import InputError

CALLS = 0.6  # share of the turns about a topic in which the agent calls a tool
TWO_CALLS = 0.15  # of these, share with two calls at once
ASIDE = 0.35  # share of turns in which the user adds something
ROWS = (2, 6)  # lines of a tool's result, least and most
SUBJECT = ("first", "person", "company", "city", "thing", "service", "day", "ticket")
TRIES = 100  # values drawn until one is new


@dataclass(frozen=True)
class Call:
    """A tool call and what comes back."""

    tool: str
    query: str
    result: str


@dataclass(frozen=True)
class Exchange:
    """One turn of the conversation: the user speaks, tools may be called, the agent answers."""

    said: str
    calls: tuple[Call, ...]
    answer: str

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join((self.said, *(f"{c.query}\n{c.result}" for c in self.calls), self.answer))


@dataclass(frozen=True)
class Planted:
    """A fact that was said in one turn only, and the question about it."""

    kind: str
    value: str
    question: str
    turn: int


@dataclass(frozen=True)
class Conversation:
    """Turns in order, and the facts among them."""

    exchanges: tuple[Exchange, ...]
    planted: tuple[Planted, ...]


def conversation(seed: int, turns: int, facts: int) -> Conversation:
    """A conversation with `facts` facts spread over `turns` turns, one somewhere in each equal
    part, and all that resembles them anywhere else. No value is said in another turn than its
    own. Raises InputError if they do not fit."""
    rng = Random(seed)
    chosen = choose(facts, rng)
    alike = [(fact, statement) for fact in chosen for statement in fact.alike]
    if turns < facts + len(alike):
        raise InputError(f"{facts} facts and what resembles them do not fit into {turns} turns")
    places = [turns * i // facts + rng.randrange(turns // facts) for i in range(facts)]
    free = sorted(set(range(turns)) - set(places))
    others = dict(zip(rng.sample(free, len(alike)), alike, strict=True))
    exchanges = {
        turn: stated(others[turn][1], MAKERS[others[turn][0].maker](rng), rng)
        if turn in others
        else about_a_topic(rng)
        for turn in free
    }
    planted = []
    for turn, fact in zip(places, chosen, strict=True):
        value = _unsaid(MAKERS[fact.maker], exchanges.values(), rng)
        exchanges[turn] = stated(fact.stated, value, rng)
        planted.append(Planted(fact.kind, value, fact.question, turn))
    return Conversation(tuple(exchanges[turn] for turn in range(turns)), tuple(planted))


def choose(count: int, rng: Random) -> list[Fact]:
    """So many facts in any order, as many of each kind as can be."""
    if not 0 < count <= len(FACTS):
        raise InputError(f"{count} facts cannot be planted; there are {len(FACTS)}")
    mixed = rng.sample(FACTS, len(FACTS))
    seen = Counter[str]()
    ranks = []
    for fact in mixed:
        ranks.append(seen[fact.kind])
        seen[fact.kind] += 1
    order = sorted(range(len(mixed)), key=lambda at: ranks[at])[:count]
    return rng.sample([mixed[at] for at in order], count)


def stated(statement: Statement, value: str, rng: Random) -> Exchange:
    """A turn in which something with a value is said, or looked up."""

    def fill(text: str) -> str:
        return filled(text, rng, v=value)

    if isinstance(statement, str):
        return Exchange(_with_aside(fill(statement), rng), (), rng.choice(NOTED))
    call = Call(statement.tool, fill(statement.query), fill(statement.result))
    return Exchange(_with_aside(fill(statement.said), rng), (call,), rng.choice(FOUND))


def about_a_topic(rng: Random) -> Exchange:
    """A turn about this or that: one subject, whatever a tool finds besides."""
    topic = rng.choice(TOPICS)
    subject = {name: MAKERS[name](rng) for name in SUBJECT}
    said = _with_aside(filled(rng.choice(topic.said), rng, **subject), rng)
    count = (1 + (rng.random() < TWO_CALLS)) if rng.random() < CALLS else 0
    calls = tuple(
        Call(
            topic.tool,
            filled(topic.query, rng, **subject),
            "\n".join(filled(topic.row, rng) for _ in range(rng.randint(*ROWS))),
        )
        for _ in range(count)
    )
    return Exchange(said, calls, filled(rng.choice(topic.answers), rng, **subject))


def _with_aside(text: str, rng: Random) -> str:
    return f"{text} {filled(rng.choice(ASIDES), rng)}" if rng.random() < ASIDE else text


def _unsaid(maker: PromptBuilder, exchanges: Iterable[Exchange], rng: Random) -> str:
    """A value that nobody has mentioned so far."""
    for _ in range(TRIES):
        value = maker(rng)
        if not any(value in exchange.text for exchange in exchanges):
            return value
    raise InputError(f"{value!r} and others like it are all said already; take another seed")
