"""The same conversation without a memory, with optimem, and with LangChain's own ways, all within
the same number of tokens; then with optimem again after its pages have faded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.agents.baselines import TrimmingMiddleware, summarization, total_tokens
from benchmarks.agents.conversation import Conversation
from benchmarks.agents.runs import AgentRun, find_orphans
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.protocols import PageCodec
from optimem.testing import ManualClock

SCOPE = "long run"
START = 1_800_000_000.0
TURN_SECONDS = 600.0
"""Between two turns."""
PLAIN, OPTIMEM, SUMMARY, TRIMMED = (
    "everything", "optimem", "SummarizationMiddleware", "trim_messages",
)  # fmt: skip
AGES: Mapping[str, tuple[float, ...]] = {"a month": (2, 10), "three months": (10, 40)}
"""Days that pass before each sweep, one age after the other; with the default policy pages are at
Small after the first age and at Tiny after the second."""


@dataclass(frozen=True)
class Budget:
    """Tokens by DeepSeek's tokenizer. `total`: of a request without its system prompt, that is
    each message's text, tool names, calls and their arguments, and four for its frame. `old`: of
    what replaces old turns; `recent`: of what stays. The rest is room for the turn that the cut
    would part, which stays whole. `turns`: recalled at most."""

    total: int = 2000
    old: int = 1100
    recent: int = 450
    turns: int = 12


@dataclass(frozen=True)
class RunScore:
    """One way of shortening. `tokens`: of each turn's last request. `found`: for each fact,
    whether it was there when asked for. `longest`: tokens of the longest request. `orphans`:
    tool messages without their call, and calls without their result, over all requests."""

    name: str
    tokens: list[int]
    found: list[bool]
    longest: int
    orphans: int


@dataclass(frozen=True)
class FadedScore:
    """What was found after a time. `pages`: number of pages by tier."""

    age: str
    pages: dict[str, int]
    found: list[bool]


@dataclass(frozen=True)
class Results:
    """All runs of one conversation. `same_state`, `same_saved`: whether graph state and checkpoints
    with optimem equal those of the run without it, message for message."""

    conversation: Conversation
    scores: dict[str, RunScore]
    faded: list[FadedScore]
    same_state: bool
    same_saved: bool


def measure(
    conversation: Conversation,
    budget: Budget,
    codec: PageCodec | None = None,
    ages: Mapping[str, tuple[float, ...]] = AGES,
) -> Results:
    """All runs. `codec`: of the memory, default the shipped model's."""
    plain, clock = AgentRun(conversation).play(), ManualClock(START)
    summarizing = summarization(budget.total, budget.old, budget.recent)
    baselines = {
        SUMMARY: AgentRun(conversation, [summarizing]).play(),
        TRIMMED: AgentRun(conversation, [TrimmingMiddleware(budget.total)]).play(),
    }
    with OpticalMemory.open(":memory:", clock=clock, codec=codec) as memory:
        ours = AgentRun(conversation, [middleware(memory, budget)])
        ours.play(after_turn=lambda: clock.advance(TURN_SECONDS))
        runs = {PLAIN: plain, OPTIMEM: ours, **baselines}
        scores = {name: score(name, run) for name, run in runs.items()}
        faded = [fade(age, days, memory, clock, ours.ask) for age, days in ages.items()]
    return Results(
        conversation=conversation,
        scores=scores,
        faded=faded,
        same_state=ours.state == plain.state,
        same_saved=ours.saved == plain.saved,
    )


def middleware(memory: OpticalMemory, budget: Budget) -> OptimemMiddleware:
    """optimem's middleware within a budget."""
    return OptimemMiddleware(
        memory,
        scope=SCOPE,
        trigger=("tokens", budget.total),
        keep=("tokens", budget.recent),
        budget=budget.old,
        k=budget.turns,
        on_error="raise",
    )


def score(name: str, run: AgentRun) -> RunScore:
    """Ask a run's questions, and score all that its model was sent."""
    found = run.ask()
    return RunScore(
        name=name,
        tokens=[total_tokens(sent) for sent in run.sent],
        found=found,
        longest=max(map(total_tokens, run.requests)),
        orphans=sum(len(find_orphans(sent)) for sent in run.requests),
    )


def fade(
    age: str,
    days: tuple[float, ...],
    memory: OpticalMemory,
    clock: ManualClock,
    ask: Callable[[], list[bool]],
) -> FadedScore:
    """Let days pass, with a sweep after each number of them, and ask the same questions again."""
    memory.flush(SCOPE)
    for number in days:
        clock.advance(days=number)
        memory.sweep()
    return FadedScore(age, memory.stats(SCOPE).pages_by_tier, ask())
