"""`optimem demo`: what the project is for, shown on a real conversation in half a minute."""

import json
import tempfile
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from optimem.cli.output import progress_bar
from optimem.text.ages import ago, duration
from optimem.tiers import Tier

if TYPE_CHECKING:
    from rich.console import Console

    from optimem.api.memory import OpticalMemory
    from optimem.protocols import Cells, PageCodec
    from optimem.results import RecalledTurn, Recollection

SCOPE = "demo/you/chat"
QUESTION = "Which port does the staging database listen on?"
ASKED_AT = Tier.TINY
SHOWN = "d0-3"  # the turn whose reading is shown on every tier
LINE = 66
DAY = 86_400.0
FADED = {
    Tier.LARGE: 0.0,
    Tier.BASE: 2 * DAY,
    Tier.SMALL: 10 * DAY,
    Tier.TINY: 60 * DAY,
    Tier.TRACE: 200 * DAY,
}
"""How long after the last turn each tier is shown."""


class Reading(NamedTuple):
    """The whole memory as it reads at one tier."""

    tier: Tier
    age: float
    right: float
    certain_wrong: float
    tokens: int
    seconds: float
    stored: int
    shown: str


@click.command(epilog="\b\nExample:\n  optimem demo --out demo && open demo/overview.png")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("optimem-demo"),
    show_default=True,
    help="Folder for the pages and the picture.",
)
def demo(out: Path) -> None:
    """Remember a conversation and a chapter of a book, let months pass, and ask."""
    from rich.console import Console

    from optimem.build import nano_codec

    console, reader = Console(), nano_codec()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        _tell(Path(folder), console, reader, out)


def demo_turns() -> list[dict[str, object]]:
    """The conversation that ships, and the chapter as its last turn."""
    data = files("optimem.cli").joinpath("demo_data")
    turns = [json.loads(line) for line in data.joinpath("conversation.jsonl").open("rb")]
    chapter = data.joinpath("alice.txt").read_text("utf-8")
    book = {"role": "text", "id": "alice", "text": chapter, "time": turns[-1]["time"] + 60}
    return [*turns, book]


def _tell(folder: Path, console: "Console", reader: "PageCodec", out: Path) -> None:
    from optimem.api.memory import OpticalMemory
    from optimem.memory.decay import DecayPolicy
    from optimem.text.tokens import text_tokens

    turns = demo_turns()
    text = "\n".join(str(turn["text"]) for turn in turns)
    end = float(str(turns[-1]["time"]))
    tokens = text_tokens(text)
    console.print(
        f"\nAn agent has talked for three months and read a chapter: {len(turns)} turns, "
        f"{tokens:,} text tokens.\noptimem draws them as page images, and a model of 40 MB keeps "
        "each page as a few vision tokens.\nAs the memory grows older, it is kept at a smaller "
        "size. What can still be read:\n"
    )
    policy = DecayPolicy(floor=0.0, write_error=1.0)  # the demo shows what a floor would stop
    store = folder / "demo.db"
    with OpticalMemory.open(store, policy=policy, codec=reader) as memory:
        memory.append(SCOPE, turns, now=end)
        memory.flush(SCOPE, now=end)
        pages = page_cells(turns, reader)
        with progress_bar("reading every tier") as bar:
            readings = []
            for done, tier in enumerate(reversed(Tier), 1):
                readings.append(_at_tier(memory, tier, end, turns, pages))
                if tier == ASKED_AT:
                    hits = memory.recall(SCOPE, QUESTION, 1, now=end + FADED[tier], refresh=False)
                bar(done, len(Tier))
    _print_table(console, readings, tokens, text)
    _print_lines(console, readings)
    _print_answer(console, hits)
    _save(out, readings, pages[0], turns, tokens, reader)
    console.print(f"Pages and a picture of it all: {out}/overview.png\n")


def page_cells(turns: Sequence[dict[str, object]], reader: "PageCodec") -> list["Cells"]:
    """The cells of the pages that these turns fill."""
    import numpy as np

    from optimem.omem.text import paginate
    from optimem.turns import Turn

    checked = [Turn.model_validate(turn) for turn in turns]
    cells = [reader.renderer.cells(turn.text, turn.role) for turn in checked]
    return paginate(np.concatenate(cells), reader.renderer)


def _at_tier(
    memory: "OpticalMemory",
    tier: Tier,
    end: float,
    turns: Sequence[dict[str, object]],
    pages: Sequence["Cells"],
) -> Reading:
    """Let time pass until the tier is reached, and read everything."""
    from optimem.evaluation.measures import accuracy

    now = end + FADED[tier]
    memory.sweep(now=now)
    found = memory.reconstruct(SCOPE, now=now)
    guess = "\n".join(turn.guess for turn in found)
    shown = next(turn for turn in found if turn.id == SHOWN)
    stats = memory.stats()
    return Reading(
        tier=tier,
        age=FADED[tier],
        right=accuracy("\n".join(str(turn["text"]) for turn in turns), guess),
        certain_wrong=_invented(turns, found),
        tokens=stats.vision_tokens,
        seconds=_seconds_a_page(memory.codec, tier, pages),
        stored=stats.token_bytes + stats.verbatim_bytes + stats.doubt_bytes,
        shown=shown.text,
    )


def _invented(turns: Sequence[dict[str, object]], found: Sequence["RecalledTurn"]) -> float:
    """Share of characters that are wrong and not marked as uncertain."""
    from optimem.evaluation.measures import silent_errors

    truths = [str(turn["text"]) for turn in turns]
    pairs = zip(truths, found, strict=True)
    return sum(silent_errors(truth, read.text) for truth, read in pairs) / sum(map(len, truths))


def _seconds_a_page(reader: "PageCodec", tier: Tier, pages: Sequence["Cells"]) -> float:
    """Seconds to draw, encode, load and read one page."""
    started = time.perf_counter()
    reader.decoder.read(reader.encoder.encode([reader.renderer.page(c) for c in pages], tier))
    return (time.perf_counter() - started) / len(pages)


def _age(age: float) -> str:
    return "today" if not age else duration(age)


def _print_table(console: "Console", readings: Sequence[Reading], tokens: int, text: str) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from optimem.omem.container import compress

    size = len(text.encode())
    packed = len(compress(text.encode()))
    caption = (
        "tokens: of the text → vision tokens; right: characters; silent: wrong and not\n"
        "marked as uncertain; bytes: tokens, exact values and marks, where the text has\n"
        f"{size:,} ({packed:,} under zstd)"
    )
    table = Table(caption=caption, caption_justify="left", box=SIMPLE)
    for name in ("age", "tier", "tokens", "ratio", "right", "silent", "pages/s", "bytes"):
        table.add_column(name, justify="left" if name in ("age", "tier") else "right")
    for r in readings:
        table.add_row(
            _age(r.age), r.tier.label, f"{tokens:,} → {r.tokens:,}", f"{tokens / r.tokens:.1f}×",
            f"{r.right:.2%}", f"{r.certain_wrong:.2%}", f"{1 / r.seconds:.1f}", f"{r.stored:,}",
        )  # fmt: skip
    console.print(table)


def _print_lines(console: "Console", readings: Sequence[Reading]) -> None:
    console.print("\nOne turn as it reads at each age (� marks a character too faded to tell):\n")
    for reading in readings:
        console.print(f"  {_age(reading.age):>9}  {reading.shown[:LINE]}", highlight=False)


def _print_answer(console: "Console", hits: "Sequence[Recollection]") -> None:
    """An old fact, recalled by a question."""
    console.print(f"\nAsked {_age(FADED[ASKED_AT])} later: [bold]{QUESTION}[/bold]")
    for hit in hits:
        part = hit.parts[0]
        box = part.boxes[0] if part.boxes else None
        where = f"page {part.page}, box {tuple(round(edge) for edge in box)}" if box else "tail"
        console.print(f"  {hit.text}", highlight=False)
        console.print(
            f"  [dim]{hit.role} · {ago(hit.age)} · {hit.tier} · "
            f"{hit.probability:.0%} sure · {where}[/dim]\n"
        )
    if not hits:
        console.print("  nothing readable bears on that\n")


def _save(
    out: Path,
    readings: Sequence[Reading],
    page: "Cells",
    turns: Sequence[dict[str, object]],
    tokens: int,
    reader: "PageCodec",
) -> None:
    from optimem.renderers.images import TierPanel, save_overview, save_page
    from optimem.renderers.readable import render_pages
    from optimem.turns import Turn

    for index, shown in enumerate(render_pages([Turn.model_validate(t) for t in turns]), 1):
        shown.save(out / f"readable-{index:02}.png")

    truth = next(str(turn["text"]) for turn in turns if turn["id"] == SHOWN)[:LINE]
    panels, drawn = [], reader.renderer.page(page)
    for r in readings:
        ink = drawn.image(r.tier)
        save_page(ink, out / f"page-1-{r.tier.label}.png")
        line = r.shown[:LINE].replace("\n", " ").ljust(len(truth))
        figures = (
            f"{r.tier.value} × {r.tier.value} px\n{r.tier.tokens} vision tokens a page\n"
            f"{tokens / r.tokens:.1f} text tokens for one\n{r.right:.2%} of characters right"
        )
        right = [a == b for a, b in zip(truth, line, strict=False)]
        title = f"{_age(r.age)} · {r.tier.label}"
        panels.append(TierPanel(ink, title, figures, line[: len(right)], right))
    subtitle = "the same page as it fades, and one line as it is read back from its vision tokens"
    save_overview("optimem: memory that fades", subtitle, panels, out / "overview.png")
