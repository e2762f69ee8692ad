"""Seeded conversations of two or three people over half a year, with questions of many kinds.

What is told is planted among small talk, in sessions on dates; questions are made when it is told.
Knows nothing of how anything is found: it was written, and its held-out kinds chosen, before the
ranker that it measures was changed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from benchmarks.recall.material import (
    CHANGES,
    HAPPENINGS,
    NAMES,
    NEVER,
    REPLIES,
    SERIES,
    TASTES,
    TRAITS,
    Happening,
)
from benchmarks.recall.small_talk import EXCHANGES, FAREWELLS, GREETINGS, PLACES, THINGS
from benchmarks.recall.talks import UNANSWERABLE, Asked, Said, Talk, seconds
from benchmarks.recall.unanswered import DETAILS, OTHER_THINGS
from optimem.roles import Role

A_DETAIL, ANOTHER_THING, ANOTHER_PERSON = (
    f"{UNANSWERABLE}: {kind}" for kind in ("a detail", "another thing", "another person")
)
HELD_OUT = ("reply", "open", "tool", A_DETAIL, ANOTHER_THING)
"""Kinds of questions on which nothing may be chosen."""
SESSIONS = 28
EXCHANGES_BETWEEN = (8, 14)
"""Exchanges of small talk in a session, fewest and most."""
RESPONSES = (
    "Oh no. And then?", "That's wonderful!", "You never told me!", "I can picture it.",
    "Good for you, honestly.", "Hm, I'd have done the same.", "Really? Since when?",
    "I want to hear all about it.", "Ha! Typical.", "Well, it could be worse.",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Something to be said. `note`: takes the id of the turn."""

    speaker: str
    text: str
    note: Callable[[str], None] = lambda turn: None


@dataclass
class Session:
    """The turns of one day. `planted`: exchanges that are told there."""

    start: datetime
    planted: list[list[Line]] = field(default_factory=list)


class Writer:
    """Writes one conversation."""

    def __init__(self, seed: int, sessions: int = SESSIONS) -> None:
        self.rng = Random(seed)
        self.people = self.rng.sample(NAMES, 2 + seed % 2)
        start = datetime(2022 + seed % 3, 1 + seed * 5 % 12, 3, 18, 30)
        self.sessions = []
        for _ in range(sessions):
            self.sessions.append(Session(start))
            start += timedelta(days=self.rng.randint(4, 12), minutes=self.rng.randint(-300, 180))
        self.end = seconds(start)
        self.asked: list[Callable[[], Asked]] = []
        self.told_by: list[tuple[str, str]] = []
        self.apart = Random(f"unanswered {seed}")

    def talk(self, name: str) -> Talk:
        """The conversation with its questions."""
        self._happenings()
        self._tastes()
        self._changes()
        self._replies()
        self._series()
        self._traits()
        self._never()
        self._unanswered()
        turns = [said for at, each in enumerate(self.sessions, 1) for said in self._said(at, each)]
        return Talk(name, tuple(turns), tuple(make() for make in self.asked))

    def _happenings(self) -> None:
        """Each person tells half of them; the others are asked about them in vain."""
        for happening in HAPPENINGS:
            person, other = self.rng.sample(self.people, 2)
            session = self.rng.choice(self.sessions)
            day, told = _day_told(session.start, self.rng)
            value = self.rng.choice(happening.values)
            text = happening.told.format(v=value, when=told)
            turns = self._plant(session, person, text[0].upper() + text[1:], happening.answer)
            self._ask("one turn", happening.near, person, turns, value)
            self._ask("paraphrase", happening.far, person, turns, value)
            self._ask("time", happening.when, person, turns, _day_shown(session.start, day))
            self._ask_of_day(day, session.start, person, turns, value)
            self._ask_wrongly(happening, other, person)
            self.told_by.append((person, other))

    def _ask_of_day(
        self, day: datetime, told: datetime, person: str, turns: list[str], value: str
    ) -> None:
        shown = f"{day.day} {day:%B %Y}"
        asked = self.end
        question = f"What did {person} tell us about {shown}?"
        if (told - day).days <= 3 and self.rng.random() < 0.5:
            asked = seconds(told + timedelta(days=2))
            question = f"What happened to {person} last {day:%A}?"
        self._ask("date", question, person, turns, value, asked)

    def _ask_wrongly(self, happening: Happening, other: str, person: str) -> None:
        """A question about somebody to whom it did not happen."""
        if self.rng.random() < 0.4:
            self._ask(UNANSWERABLE, happening.near, other, [])

    def _tastes(self) -> None:
        """Two people answer the same question, each differently."""
        for taste in TASTES:
            people = self.rng.sample(self.people, 2)
            for person, value in zip(people, self.rng.sample(taste.values, 2), strict=True):
                session, told = self.rng.choice(self.sessions), taste.told.format(v=value)
                turns = self._plant(session, person, told, taste.answer)
                self._ask("speaker", taste.near, person, turns, value)
                self._ask("paraphrase", taste.far, person, turns, value)

    def _changes(self) -> None:
        for change in CHANGES:
            person = self.rng.choice(self.people)
            first, later = sorted(self.rng.sample(range(len(self.sessions)), 2))
            values = self.rng.sample(change.values, 2)
            old = self._plant(self.sessions[first], person, change.first.format(v=values[0]))
            new = self._plant(self.sessions[later], person, change.later.format(v=values[1]))
            self._ask("update", change.now, person, new, values[1])
            self._ask("update", change.before, person, old, values[0])

    def _replies(self) -> None:
        for reply in REPLIES:
            person, other = self.rng.sample(self.people, 2)
            turns, value = list[str](), self.rng.choice(reply.values)
            lines = [
                Line(other, reply.said),
                Line(person, reply.reply.format(v=value), turns.append),
            ]
            self.rng.choice(self.sessions).planted.append(lines)
            self._ask("reply", reply.near, person, turns, value)

    def _series(self) -> None:
        for series in SERIES:
            for person in self.rng.sample(self.people, 2):
                turns: list[str] = []
                sessions = self.rng.sample(self.sessions, len(series.told))
                values = self.rng.sample(series.values, len(series.told))
                for session, told, value in zip(sessions, series.told, values, strict=True):
                    self._plant(session, person, told.format(v=value), turns=turns)
                self._ask("hops", series.asked, person, turns, " ".join(values))

    def _traits(self) -> None:
        for trait in TRAITS:
            person = self.rng.choice(self.people)
            turns = self._plant(self.rng.choice(self.sessions), person, trait.told)
            self._ask("open", trait.asked, person, turns, trait.told)

    def _never(self) -> None:
        for question in NEVER:
            self._ask(UNANSWERABLE, question, self.rng.choice(self.people), [])

    def _unanswered(self) -> None:
        """What is near to something told. Drawn apart, so that the conversation stays as it is."""
        for at in self.apart.sample(range(len(HAPPENINGS)), len(HAPPENINGS) // 2):
            person, other = self.told_by[at]
            self._ask(A_DETAIL, DETAILS[at], person, [])
            self._ask(ANOTHER_PERSON, HAPPENINGS[at].far, other, [])
        for question in self.apart.sample(OTHER_THINGS, len(OTHER_THINGS) // 2):
            self._ask(ANOTHER_THING, question, self.apart.choice(self.people), [])

    def _plant(
        self,
        session: Session,
        person: str,
        text: str,
        answer: str = "",
        turns: list[str] | None = None,
    ) -> list[str]:
        """Have a person say something and another one answer; the list that the id of the first
        turn will be in."""
        found = [] if turns is None else turns
        other, response = self._other(person), self.rng.choice(RESPONSES)
        if answer and self.rng.random() < 0.7:
            response = answer
        session.planted.append([Line(person, text, found.append), Line(other, response)])
        return found

    def _ask(
        self,
        kind: str,
        text: str,
        person: str,
        turns: list[str],
        answer: str = "",
        time: float | None = None,
    ) -> None:
        """Ask something once the ids in `turns` are known."""
        asked = self.end if time is None else time
        question = text.format(p=person)
        self.asked.append(lambda: Asked(kind, question, tuple(turns), asked, answer))

    def _other(self, person: str) -> str:
        return self.rng.choice([each for each in self.people if each != person])

    def _said(self, number: int, session: Session) -> list[Said]:
        """The turns of a session, with their ids noted."""
        exchanges = [*session.planted]
        for _ in range(self.rng.randint(*EXCHANGES_BETWEEN)):
            exchanges.insert(self.rng.randint(0, len(exchanges)), self._small_talk())
        hello, bye = self.rng.choice(self.people), self.rng.choice(self.people)
        greeting = self.rng.choice(GREETINGS).format(other=self._other(hello))
        farewell = self.rng.choice(FAREWELLS).format(other=self._other(bye))
        lines = [Line(hello, greeting), *(line for each in exchanges for line in each)]
        said = []
        for at, line in enumerate([*lines, Line(bye, farewell)], 1):
            id, time = f"D{number}:{at}", seconds(session.start) + 45.0 * at
            role: Role = "user" if line.speaker == self.people[0] else "assistant"
            said.append(Said(id, line.speaker, role, time, line.text))
            line.note(id)
        return said

    def _small_talk(self) -> list[Line]:
        first, second = self.rng.sample(self.people, 2)
        remark, answer = self.rng.choice(EXCHANGES)
        thing, other = self.rng.sample(THINGS, 2)
        filled = {"place": self.rng.choice(PLACES), "thing": thing, "other": other}
        return [Line(first, remark.format(**filled)), Line(second, answer.format(**filled))]


def _day_told(told: datetime, rng: Random) -> tuple[datetime, str]:
    """A day before one on which it is told, and how people then say when it was."""
    days = rng.choice((0, 1, 2, 3, 7, 14, 30))
    day = told - timedelta(days=days)
    named = {0: "today", 1: "yesterday", 7: "a week ago", 14: "two weeks ago", 30: "last month"}
    return day, named.get(days, f"last {day:%A}")


def _day_shown(told: datetime, day: datetime) -> str:
    """What is known of a day from how people say when it was: of a month ago, the month."""
    if (told - day).days < 30:
        return f"{day.day} {day:%B %Y}"
    return f"{told.replace(day=1) - timedelta(days=1):%B %Y}"


def make_talk(seed: int) -> Talk:
    """The conversation of a seed."""
    return Writer(seed).talk(f"talk {seed}")
