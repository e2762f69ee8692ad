"""The same conversation without a memory, with ours, and with LangChain's own ways, each within
the same number of tokens; then with ours after the pages have faded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.agents.contenders import Trimming, summarising, total
from benchmarks.agents.conversation import Conversation
from benchmarks.agents.recording import orphans
from benchmarks.agents.runs import Run
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.memory.decay import DAY
from optimem.protocols import PageCodec

SCOPE = "long run"
TURN_SECONDS = 600.0
START = 1_800_000_000.0
PLAIN, OURS, SUMMARY, TRIMMED = "everything", "optimem", "SummarizationMiddleware", "trim_messages"
AGES: Mapping[str, tuple[float, ...]] = {"a month": (2, 10), "three months": (10, 40)}
"""Days that pass before each sweep, added to those before; with the default policy pages are at
Small after the first and at Tiny after the second."""


@dataclass(frozen=True)
class Allowance:
    """Tokens by DeepSeek's tokenizer. `total`: what a request may have besides the system prompt:
    each message's text, tool names, calls and their arguments, and four for its frame. `place`:
    what stands for the old turns, and `recent`: what stays as it is, where both are asked for;
    the rest is room for the turn in which the cut would fall, which stays whole. `turns`: most
    that are recalled."""

    total: int = 2000
    place: int = 1100
    recent: int = 450
    turns: int = 12


@dataclass(frozen=True)
class Score:
    """One way of shortening. `tokens`: of each turn's last request. `found`: for each fact,
    whether it was there when asked for. `longest`: tokens of the longest request. `orphans`:
    tool messages without their call, and calls without their result, over all requests."""

    name: str
    tokens: list[int]
    found: list[bool]
    longest: int
    orphans: int


@dataclass(frozen=True)
class Faded:
    """What was found after a time. `pages`: how many at each tier."""

    after: str
    pages: dict[str, int]
    found: list[bool]


@dataclass(frozen=True)
class Results:
    """All runs of one conversation. `same_state`, `same_saved`: whether graph state and checkpoints
    with our middleware equal those of the run without it, message for message."""

    talk: Conversation
    scores: dict[str, Score]
    faded: list[Faded]
    same_state: bool
    same_saved: bool


class Clock:
    """A clock that is put forward by hand."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def measure(
    talk: Conversation,
    allowance: Allowance,
    reader: PageCodec | None = None,
    ages: Mapping[str, tuple[float, ...]] = AGES,
) -> Results:
    """All runs. `reader`: of the memory, default the shipped model."""
    plain, clock = Run(talk).go(), Clock()
    rivals = {
        SUMMARY: Run(talk, [summarising(allowance.total, allowance.place, allowance.recent)]).go(),
        TRIMMED: Run(talk, [Trimming(allowance.total)]).go(),
    }
    with OpticalMemory.open(":memory:", clock=clock, codec=reader) as memory:
        ours = Run(talk, [remembering(memory, allowance)])
        ours.go(after_turn=lambda: clock.forward(TURN_SECONDS))
        runs = {PLAIN: plain, OURS: ours, **rivals}
        scores = {name: score(name, run) for name, run in runs.items()}
        faded = [later(after, days, memory, clock, ours.ask) for after, days in ages.items()]
    return Results(
        talk=talk,
        scores=scores,
        faded=faded,
        same_state=ours.state == plain.state,
        same_saved=ours.saved == plain.saved,
    )


def remembering(memory: OpticalMemory, allowance: Allowance) -> OptimemMiddleware:
    """Our middleware within an allowance."""
    return OptimemMiddleware(
        memory,
        scope=SCOPE,
        trigger=("tokens", allowance.total),
        keep=("tokens", allowance.recent),
        budget=allowance.place,
        k=allowance.turns,
        on_error="raise",
    )


def score(name: str, run: Run) -> Score:
    """What a run's model was sent, with the questions at the end."""
    found = run.ask()
    return Score(
        name=name,
        tokens=[total(sent) for sent in run.sent],
        found=found,
        longest=max(map(total, run.requests)),
        orphans=sum(len(orphans(sent)) for sent in run.requests),
    )


def later(
    after: str,
    days: tuple[float, ...],
    memory: OpticalMemory,
    clock: Clock,
    ask: Callable[[], list[bool]],
) -> Faded:
    """The same questions when time has passed and the memory was swept now and then."""
    memory.flush(SCOPE)
    for each in days:
        clock.forward(each * DAY)
        memory.sweep()
    return Faded(after, memory.stats(SCOPE).pages_by_tier, ask())
