"""What a memory of a billion turns costs, on paper: unit costs measured here, arithmetic shown.

    python -m benchmarks.scale_cost [--turns 300] [--set NAME=VALUE]...

measures on this machine, with one thread: bytes of a turn in Redis as its pages fade, CPU seconds
to write a page and to fade it to each tier, from a store and back to it, and those of a recall in
a scope of `--turns`; then multiplies. Everything
that is assumed rather than measured, prices above all, is listed with the result and changed by
`--set`. Needs redis-server. Nothing here was run at that size.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

import redis
import torch

from optimem import OpticalMemory, Tier, Turn
from optimem.evaluation.tables import markdown_table
from optimem.memory.decay import DAY, DecayPolicy
from optimem.model.deepseek_ocr.config import DeepSeekConfig
from optimem.model.deepseek_ocr.images import MODES
from tests.servers import RedisServer

NOW = 1_700_000_000.0
WORDS = "The staging database listens on another port since Monday; ask Ann before you change it. "
RECALLS = 20
GIB = 2**30
MONTH = 30.0
"""Days."""


@dataclass(frozen=True)
class Assumed:
    """What is not measured here. Prices in US dollars, of no provider in particular."""

    turns: float = 1e9  # that the memory holds
    years: float = 3.0  # over which they came, evenly
    asked_a_day: float = 1e6  # questions that recall something
    read_a_question: float = 3.0  # pages of DeepSeek-OCR that a model gets for a question
    ram_gib_month: float = 4.0  # dollars: a GiB of a Redis node's memory
    core_hour: float = 0.04  # dollars: a core of a machine without a GPU
    gpu_hour: float = 2.0  # dollars: a GPU of the A100's kind
    replicas: float = 1.0  # copies beside the primary
    fill: float = 0.7  # share of a node's memory that data may take
    busy: float = 0.6  # share of the time that cores and GPUs work
    gpu_pages_day: float = 200_000.0  # DeepSeek-OCR's published rate on an A100-40G
    gpu_positions_second: float = 20_000.0  # prefill of DeepSeek-OCR's decoder under vLLM


class Measured(NamedTuple):
    """Unit costs of this machine. `text`: bytes of a turn; `stored`: in Redis, by the tier that
    pages faded towards; `turns`: of a page; `work`: CPU seconds to write a page at Large, and to
    fade one to each smaller tier; `recall`: of one, with the pages that it reads."""

    text: float
    turns: float
    stored: dict[Tier, float]
    work: dict[Tier, float]
    recall: float


class Line(NamedTuple):
    """A line of the result: what, how it comes about, and how much."""

    what: str
    how: str
    amount: str


def measure(turns: int) -> Measured:
    """Unit costs, with as many turns in a scope of a real server."""
    torch.set_num_threads(1)
    said = [
        Turn(text=f"{n}: {WORDS * (n % 4 + 1)}", id=f"m{n}", time=NOW + n) for n in range(turns)
    ]
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), "--appendonly", "no")
        try:
            with (
                redis.Redis.from_url(server.url) as client,
                OpticalMemory.open(server.url, clock=lambda: NOW) as memory,
            ):
                list(_life(memory, said))  # loads the model
                client.flushall()
                found = [(tier, seconds, _used(client)) for tier, seconds in _life(memory, said)]
                pages = memory.stats("chat").pages
                recall = _recall_seconds(memory, turns)
        finally:
            server.stop()
    return Measured(
        text=mean(len(turn.text.encode()) for turn in said),
        turns=turns / pages,
        stored={tier: used / turns for tier, _, used in found},
        work={tier: seconds / pages for tier, seconds, _ in found},
        recall=recall,
    )


def _life(memory: OpticalMemory, said: Sequence[Turn]) -> Iterator[tuple[Tier, float]]:
    """Write turns and let them fade; the CPU seconds of each step."""
    tiers = sorted(Tier, reverse=True)
    memory.append("chat", said)
    yield tiers[0], _cpu(lambda: memory.flush("chat"))
    for days, tier in zip((2, 8, 31, 200), tiers[1:], strict=True):
        now = NOW + len(said) + days * DAY
        yield tier, _cpu(partial(memory.sweep, now=now))


def _used(client: "redis.Redis") -> int:
    return sum(client.memory_usage(key, samples=0) or 0 for key in client.scan_iter())


def _recall_seconds(memory: OpticalMemory, turns: int) -> float:
    """CPU seconds of a recall, the first left out, which loads the model."""
    asked = [f"what is said in {n * turns // RECALLS}" for n in range(RECALLS)]
    memory.recall("chat", "loads what is needed", refresh=False)
    recall = partial(memory.recall, "chat", refresh=False)
    return median(_cpu(partial(recall, query)) for query in asked)


def _cpu(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def shares(years: float, policy: DecayPolicy) -> dict[Tier, float]:
    """Which part of turns that came evenly over the years is at each tier now."""
    ends = [0.0, policy.large, policy.base, policy.small, policy.tiny, years * 365 * DAY]
    whole = ends[-1]
    ends = [min(end, whole) for end in ends]
    tiers = sorted(Tier, reverse=True)
    return {tier: (ends[at + 1] - ends[at]) / whole for at, tier in enumerate(tiers)}


def storage(units: Measured, given: Assumed) -> Iterator[Line]:
    """Redis Cluster: what turns take by their ages."""
    parts = shares(given.years, DecayPolicy())
    mixed = sum(parts[tier] * units.stored[tier] for tier in parts)
    how = " + ".join(
        f"{parts[t]:.4f} × {units.stored[t]:,.0f}" for t in sorted(parts, reverse=True)
    )
    yield Line("bytes of a turn, over all ages", how, f"{mixed:,.0f}")
    size = given.turns * mixed / GIB
    yield Line("Redis, primaries", f"{given.turns:.0e} × {mixed:,.0f} B", f"{size:,.0f} GiB")
    bought = size * (1 + given.replicas) / given.fill
    how = f"× (1 + {given.replicas:g}) / {given.fill:g}"
    yield Line("Redis, memory to rent", how, f"{bought:,.0f} GiB")
    cost = bought * given.ram_gib_month
    yield Line("Redis, a month", f"× {given.ram_gib_month:g} $", f"{cost:,.0f} $")
    text = given.turns * units.text / GIB
    yield Line("the text alone", f"{given.turns:.0e} × {units.text:,.0f} B", f"{text:,.0f} GiB")


def encoding(units: Measured, given: Assumed) -> Iterator[Line]:
    """Encoding all of it once, on Ray or by local processes; then keeping it faded."""
    pages = given.turns / units.turns
    yield Line("pages", f"{given.turns:.0e} / {units.turns:.1f} turns", f"{pages:.2e}")
    written, faded = units.work[Tier.LARGE], units.work.copy()
    del faded[Tier.LARGE]
    all_fades = sum(faded.values())
    how = " + ".join(f"{seconds:.2f}" for seconds in faded.values())
    yield Line("CPU seconds to fade a page to the end", how, f"{all_fades:.2f}")
    hours = pages * written / 3600
    yield Line("writing all, core hours", f"{pages:.2e} × {written:.2f} / 3600", f"{hours:,.0f}")
    yield Line("writing all", f"× {given.core_hour:g} $ / {given.busy:g} busy",
               f"{hours * given.core_hour / given.busy:,.0f} $")  # fmt: skip
    a_day = pages / (given.years * 365)
    cores = a_day * (written + all_fades) / 86_400 / given.busy
    yield Line("cores that write and fade as turns come",
               f"{a_day:,.0f} pages a day × {written + all_fades:.2f} / 86,400 / {given.busy:g}",
               f"{cores:,.1f}")  # fmt: skip
    yield Line("these, a month", f"× {24 * MONTH:g} h × {given.core_hour:g} $",
               f"{cores * 24 * MONTH * given.core_hour:,.0f} $")  # fmt: skip
    days = pages / given.gpu_pages_day / given.busy
    yield Line("DeepSeek-OCR in place of nano, GPU days",
               f"{pages:.2e} / {given.gpu_pages_day:,.0f} / {given.busy:g}",
               f"{days:,.0f}")  # fmt: skip
    yield Line("these", f"× 24 × {given.gpu_hour:g} $", f"{days * 24 * given.gpu_hour:,.0f} $")


def questions(units: Measured, given: Assumed) -> Iterator[Line]:
    """Recall on CPUs, and answers by vLLM from stored tokens."""
    cores = given.asked_a_day * units.recall / 86_400 / given.busy
    how = f"{given.asked_a_day:,.0f} a day × {units.recall:.4f} s / 86,400 / {given.busy:g}"
    yield Line("cores that recall", how, f"{cores:,.2f}")
    yield Line("these, a month", f"× {24 * MONTH:g} h × {given.core_hour:g} $",
               f"{cores * 24 * MONTH * given.core_hour:,.0f} $")  # fmt: skip
    config = DeepSeekConfig().decoder
    position = 2 * 2 * config.depth * config.width
    for name in ("tiny", "small", "base"):
        positions = given.read_a_question * MODES[name].positions()
        gpus = given.asked_a_day * positions / given.gpu_positions_second / 86_400 / given.busy
        each = f"{given.read_a_question:g} × {MODES[name].positions()} positions"
        how = (
            f"{each} × {given.asked_a_day:,.0f} / {given.gpu_positions_second:,.0f} / 86,400 / "
            f"{given.busy:g}"
        )
        yield Line(f"vLLM, pages at {name}: GPUs", how, f"{gpus:,.2f}")
        yield Line(f"vLLM, pages at {name}: cache of a question", f"{positions:g} × {position:,} B",
                   f"{positions * position / 2**20:,.1f} MiB")  # fmt: skip


def report(units: Measured, given: Assumed) -> None:
    """Print what was measured, what is assumed, and what follows."""
    rows = [
        [tier.label, f"{units.stored[tier]:,.0f}", f"{units.work[tier]:.3f}"]
        for tier in units.stored
    ]
    print(f"Measured here, one thread: a turn is {units.text:,.0f} bytes of text, a page "
          f"{units.turns:.1f} turns, a recall {units.recall:.4f} CPU seconds.\n")  # fmt: skip
    head = ["pages at", "bytes of a turn in Redis", "CPU seconds to write or fade a page"]
    print(markdown_table([head, *rows]))
    print("\nAssumed (`--set NAME=VALUE`):\n")
    each = [[field.name, f"{getattr(given, field.name):,g}"] for field in fields(given)]
    print(markdown_table([["name", "value"], *each]))
    for title, lines in (
        ("Redis Cluster", storage(units, given)),
        ("Encoding and fading, on Ray or not", encoding(units, given)),
        ("Questions", questions(units, given)),
    ):
        print(f"\n{title}:\n")
        print(markdown_table([["what", "how", "how much"], *map(list, lines)]))


def assumed(settings: Sequence[str]) -> Assumed:
    """The assumptions with those that are set. Raises ValueError for an unknown name or value."""
    given = Assumed()
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in {field.name for field in fields(Assumed)}:
            raise ValueError(f"nothing is called {name!r}")
        if not float(value) > 0 and name != "replicas":
            raise ValueError(f"{setting}: give a number above 0")
        given = replace(given, **{name: float(value)})
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, multiply and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    options = parser.parse_args(arguments)
    try:
        given = assumed(options.settings)
    except ValueError as error:
        parser.error(f"{error}; names are {', '.join(field.name for field in fields(Assumed))}")
    report(measure(options.turns), given)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
