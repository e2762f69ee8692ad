"""Seeded work of a person with an agent whose tools print hundreds of lines, of which one matters.

Speakers are known by their roles alone.
"""

from datetime import datetime, timedelta
from random import Random

from benchmarks.recall.small_talk import FINDINGS, LOG_LINES, REQUESTS, SERVICES, SUMMARIES
from benchmarks.recall.talks import Asked, Said, Talk, seconds
from optimem.roles import Role

LINES = (40, 120)
"""Lines of an output, fewest and most."""


class LogWriter:
    """Writes the outputs and what is asked about them."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(f"tools {seed}")
        self.now = datetime(2024, 1 + seed % 12, 5, 9, 0)
        self.turns: list[Said] = []
        self.asked: list[tuple[str, tuple[str, ...], str]] = []

    def task(self, service: str, finding: tuple[str, str, tuple[str, ...]] | None) -> None:
        """A request, the output of a tool with the finding in it, if any, and a summary."""
        self.now += timedelta(hours=self.rng.randint(1, 40))
        lines = [self._line(each, service) for each in self._choices()]
        self._say("user", self.rng.choice(REQUESTS).format(service=service))
        if finding:
            told, question, values = finding
            value = self.rng.choice(values)
            found = self._line(told.replace("{v}", value), service)
            lines.insert(self.rng.randint(len(lines) // 4, len(lines) * 3 // 4), found)
            evidence = (f"t{len(self.turns)}",)
            self.asked.append((question.format(service=service), evidence, value))
        self._say("tool", "\n".join(lines))
        self._say("assistant", self.rng.choice(SUMMARIES).format(service=service))

    def _choices(self) -> list[str]:
        return self.rng.choices(LOG_LINES, k=self.rng.randint(*LINES))

    def _line(self, template: str, service: str) -> str:
        self.now += timedelta(seconds=1)
        return template.format(
            time=f"{self.now:%H:%M:%S}", service=service, service2=self.rng.choice(SERVICES),
            number=self.rng.randint(100, 999), hash=f"{self.rng.getrandbits(32):08x}",
            ms=self.rng.randint(2, 4000), n=self.rng.randint(1, 31),
        )  # fmt: skip

    def _say(self, role: Role, text: str) -> None:
        self.turns.append(Said(f"t{len(self.turns)}", None, role, seconds(self.now), text))


def make_tool_talk(seed: int) -> Talk:
    """The work of a seed: every finding once, in one service each, and as much without any."""
    writer = LogWriter(seed)
    services = writer.rng.sample(SERVICES, len(FINDINGS) * 2)
    tasks = [*zip(services, FINDINGS, strict=False)]
    quiet = [(service, None) for service in services]
    for service, finding in writer.rng.sample([*tasks, *quiet], len(tasks) + len(quiet)):
        writer.task(service, finding)
    end = seconds(writer.now)
    asked = [Asked("tool", text, evidence, end, value) for text, evidence, value in writer.asked]
    asked += [
        Asked("no answer", question.format(service=service), (), end)
        for service, (_, question, _) in zip(services[len(FINDINGS) :], FINDINGS, strict=True)
    ]
    return Talk(f"tools {seed}", tuple(writer.turns), tuple(asked))
