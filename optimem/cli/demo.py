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
    from optimem.results import Recollection
    from optimem.turns import Turn

SCOPE = "demo/you/chat"
QUESTION = "Which port does the staging database listen on?"
ASKED_AT = Tier.TINY
SHOWN_TURN = "d0-3"  # the one whose reading is shown at every tier
LINE = 66  # characters of it


class Conversation(NamedTuple):
    """The turns that are remembered. `text`: all of it; `tokens`: text tokens of it; `end`: the
    time of the last turn."""

    turns: "list[Turn]"
    text: str
    tokens: int
    end: float


class TierReading(NamedTuple):
    """The whole memory as it reads at one tier. `age`: seconds since the last turn. `right`,
    `silent`: shares of the characters that are right, and wrong but not marked as uncertain.
    `tokens`: vision tokens. `stored`: bytes. `seconds`: to draw, encode and read a page. `shown`:
    one turn as it reads."""

    tier: Tier
    age: float
    right: float
    silent: float
    tokens: int
    stored: int
    seconds: float
    shown: str


@click.command(epilog="\b\nExample:\n  optimem demo --out demo && open demo/overview.png")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("optimem-demo"),
    show_default=True,
    help="Folder for the images of the pages.",
)
def demo(out: Path) -> None:
    """Watch a conversation fade, and ask about it.

    A conversation and a chapter of a book are remembered, months pass, and an old question is
    asked. Takes half a minute.
    """
    from rich.console import Console

    from optimem.build import nano_codec

    console, codec, conversation = Console(), nano_codec(), _load_conversation()
    out.mkdir(parents=True, exist_ok=True)
    _print_introduction(console, conversation)
    pages = _page_cells(conversation.turns, codec)
    readings, hits = _read_every_tier(conversation, pages, codec)
    _print_table(console, readings, conversation)
    _print_lines(console, readings)
    _print_answer(console, hits, readings)
    _save_images(out, readings, conversation, pages[0], codec)
    console.print(f"The pages, and all of this as one image: {out}/overview.png\n")


def demo_turns() -> list[dict[str, object]]:
    """The conversation that ships, and the chapter as its last turn."""
    data = files("optimem.cli").joinpath("demo_data")
    turns = [json.loads(line) for line in data.joinpath("conversation.jsonl").open("rb")]
    chapter = data.joinpath("alice.txt").read_text("utf-8")
    book = {"role": "text", "id": "alice", "text": chapter, "time": turns[-1]["time"] + 60}
    return [*turns, book]


def _load_conversation() -> Conversation:
    from optimem.text.tokens import text_tokens
    from optimem.turns import Turn

    turns = [Turn.model_validate(turn) for turn in demo_turns()]
    text = "\n".join(turn.text for turn in turns)
    return Conversation(turns, text, text_tokens(text), turns[-1].time or 0.0)


def _page_cells(turns: "Sequence[Turn]", codec: "PageCodec") -> "list[Cells]":
    """The cells of the pages that the turns fill."""
    import numpy as np

    from optimem.omem.text import paginate

    cells = [codec.renderer.cells(turn.text, turn.role) for turn in turns]
    return paginate(np.concatenate(cells), codec.renderer)


def _read_every_tier(
    conversation: Conversation, pages: "Sequence[Cells]", codec: "PageCodec"
) -> "tuple[list[TierReading], list[Recollection]]":
    """The conversation as it reads at each tier, sharpest first, and what the question recalls."""
    from optimem.api.memory import OpticalMemory
    from optimem.evaluation.round_trip import AGES, NO_FLOOR

    readings: list[TierReading] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        OpticalMemory.open(Path(folder) / "demo.db", policy=NO_FLOOR, codec=codec) as memory,
        progress_bar("reading every tier") as bar,
    ):
        memory.append(SCOPE, conversation.turns, now=conversation.end)
        memory.flush(SCOPE, now=conversation.end)
        for tier, age in AGES.items():
            readings.append(_read_tier(memory, tier, age, conversation, pages))
            if tier == ASKED_AT:
                now = conversation.end + age
                hits = memory.recall(SCOPE, QUESTION, 1, now=now, refresh=False)
            bar(len(readings), len(AGES))
    return readings, hits


def _read_tier(
    memory: "OpticalMemory", tier: Tier, age: float, conversation: Conversation,
    pages: "Sequence[Cells]",
) -> TierReading:  # fmt: skip
    """Let time pass until the tier is reached, and read everything."""
    from optimem.evaluation.measures import accuracy, silent_errors

    now = conversation.end + age
    memory.sweep(now=now)
    read = memory.reconstruct(SCOPE, now=now)
    stats = memory.stats()
    pairs = zip(conversation.turns, read, strict=True)
    silent = sum(silent_errors(written.text, turn.text) for written, turn in pairs)
    return TierReading(
        tier=tier,
        age=age,
        right=accuracy(conversation.text, "\n".join(turn.guess for turn in read)),
        silent=silent / sum(len(turn.text) for turn in conversation.turns),
        tokens=stats.vision_tokens,
        stored=stats.token_bytes + stats.correction_bytes,
        seconds=_seconds_per_page(memory.codec, tier, pages),
        shown=next(turn.text for turn in read if turn.id == SHOWN_TURN),
    )


def _seconds_per_page(codec: "PageCodec", tier: Tier, pages: "Sequence[Cells]") -> float:
    """Seconds to draw, encode and read a page."""
    started = time.perf_counter()
    codec.decoder.read(codec.encoder.encode([codec.renderer.page(c) for c in pages], tier))
    return (time.perf_counter() - started) / len(pages)


def _print_introduction(console: "Console", conversation: Conversation) -> None:
    console.print(
        f"\nAn agent has talked for three months and read a chapter: "
        f"{len(conversation.turns)} turns, {conversation.tokens:,} text tokens. optimem draws them "
        "as page images, and a model of 38 MB turns each page into a few vision tokens. As the "
        "memory ages, its pages shrink. What can still be read:\n"
    )


def _print_table(
    console: "Console", readings: Sequence[TierReading], conversation: Conversation
) -> None:
    from rich.box import SIMPLE
    from rich.table import Table

    from optimem.omem.container import compress

    written = conversation.text.encode()
    packed = compress(written)
    caption = (
        "tokens: text tokens → vision tokens. right: characters read right. silent: wrong, but "
        "not marked as uncertain. bytes: of vision tokens, exact values and marks; the text has "
        f"{len(written):,} ({len(packed):,} under zstd)."
    )
    table = Table(caption=caption, caption_justify="left", box=SIMPLE)
    for name in ("age", "tier", "tokens", "ratio", "right", "silent", "pages/s", "bytes"):
        table.add_column(name, justify="left" if name in ("age", "tier") else "right")
    for r in readings:
        table.add_row(
            _age(r), r.tier.label, f"{conversation.tokens:,} → {r.tokens:,}",
            f"{conversation.tokens / r.tokens:.1f}×", f"{r.right:.2%}", f"{r.silent:.2%}",
            f"{1 / r.seconds:.1f}", f"{r.stored:,}",
        )  # fmt: skip
    console.print(table)


def _print_lines(console: "Console", readings: Sequence[TierReading]) -> None:
    console.print("\nOne turn as it reads at each age (� is an uncertain character):\n")
    for reading in readings:
        console.print(f"  {_age(reading):>9}  {reading.shown[:LINE]}", highlight=False)


def _print_answer(
    console: "Console", hits: "Sequence[Recollection]", readings: Sequence[TierReading]
) -> None:
    """An old fact, recalled by a question."""
    (asked,) = (reading for reading in readings if reading.tier == ASKED_AT)
    console.print(f"\nAsked {_age(asked)} later: [bold]{QUESTION}[/bold]")
    for hit in hits:
        part = hit.parts[0]
        box = part.boxes[0] if part.boxes else None
        place = f"page {part.page}, box {tuple(round(edge) for edge in box)}" if box else "tail"
        console.print(f"  {hit.text}", highlight=False)
        console.print(
            f"  [dim]{hit.role} · {ago(hit.age)} · {hit.tier} · {hit.probability:.0%} certain · "
            f"{place}[/dim]\n"
        )
    if not hits:
        console.print("  nothing readable matches\n")


def _save_images(
    out: Path, readings: Sequence[TierReading], conversation: Conversation, page: "Cells",
    codec: "PageCodec",
) -> None:  # fmt: skip
    """Save the turns as readable pages, a page at each tier, and the overview."""
    from optimem.renderers.images import TierPanel, save_overview, save_page
    from optimem.renderers.readable import render_pages

    for number, readable in enumerate(render_pages(conversation.turns), 1):
        readable.save(out / f"readable-{number:02}.png")

    truth = next(turn.text for turn in conversation.turns if turn.id == SHOWN_TURN)[:LINE]
    panels, drawn = [], codec.renderer.page(page)
    for r in readings:
        ink = drawn.image(r.tier)
        save_page(ink, out / f"page-1-{r.tier.label}.png")
        line = r.shown[:LINE].replace("\n", " ").ljust(len(truth))
        right = [a == b for a, b in zip(truth, line, strict=False)]
        figures = _panel_figures(r, conversation)
        title = f"{_age(r)} · {r.tier.label}"
        panels.append(TierPanel(ink, title, figures, line[: len(right)], right))
    subtitle = "the same page as it fades, and one line as it is read back from its vision tokens"
    save_overview("optimem: memory that fades", subtitle, panels, out / "overview.png")


def _panel_figures(reading: TierReading, conversation: Conversation) -> str:
    side = reading.tier.value
    return (
        f"{side} × {side} px\n{reading.tier.tokens} vision tokens per page\n"
        f"{conversation.tokens / reading.tokens:.1f} text tokens per vision token\n"
        f"{reading.right:.2%} of characters right"
    )


def _age(reading: TierReading) -> str:
    return duration(reading.age) if reading.age else "today"
