"""`optimem demo`: what the project is for, shown on a real conversation in a few seconds.

Prints and draws; `demo_story` is what happens.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimem.cli.output import print_paragraph, print_rows, progress_bar
from optimem.text.wording import ago, duration, percent

if TYPE_CHECKING:
    from optimem.cli.demo_story import Story, TierReading
    from optimem.results import Answer

KEPT = {
    "all": "whatever the tokens misread",
    "values": "ids, numbers, names and code that they misread",
    "nothing": "nothing",
}
"""What is stored verbatim beside vision tokens, by what the policy keeps."""


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
    asked: what a model is sent, what is answered, and what it costs. Takes a few seconds.
    """
    from optimem.build import nano_codec
    from optimem.cli.demo_story import live_through

    out.mkdir(parents=True, exist_ok=True)
    codec = nano_codec()
    with progress_bar("reading every tier") as bar:
        story = live_through(codec, bar)
    _print_sent(story)
    _print_answer(story)
    _print_cost(story)
    _print_tiers(story)
    _print_files(out, _save_images(out, story), story)


def _print_sent(story: "Story") -> None:
    from optimem.cli.demo_story import QUESTION

    said, asked = story.conversation, story.asked
    click.echo()
    print_paragraph(
        f"For three months you talked with an agent, and it read a chapter of a book: "
        f"{len(said.turns)} turns, {said.tokens:,} tokens of text. optimem drew them as "
        f"{story.pages} pages, which have faded since. {_age(_asked(story))} later you ask:"
    )
    click.echo(f"\n  {QUESTION}\n\nWhat a model is sent with the question")
    sent = (
        ("everything, as text", said.tokens),
        ("the turns that optimem recalls, as text", asked.context),
        (f"or all {story.pages} pages, if it reads vision tokens", _asked(story).tokens),
    )
    for name, tokens in sent:
        click.echo(f"  {name:<46}{tokens:>7,} tokens{percent(tokens / said.tokens, 1):>8}")


def _print_answer(story: "Story") -> None:
    answer = story.asked.answer
    click.echo("\nWhat is answered, without a model")
    if not answer.known:
        print_paragraph(answer.text)
        return
    click.echo(_indented(answer.text))
    click.echo(_indented(_source(answer)))


def _source(answer: "Answer") -> str:
    """Who said it, when, and where it was read."""
    (passage,) = answer.passages
    certainty = "exact" if passage.exact else f"{percent(passage.probability, 0)} certain"
    return f"({passage.role}, {ago(passage.age)}; read off a page at {passage.tier}; {certainty})"


def _print_cost(story: "Story") -> None:
    said, then = story.conversation, _asked(story)
    click.echo("\nWhat it costs")
    costs = {
        "disk": f"{then.stored:,} bytes by then, {story.readings[0].stored:,} when new. The text "
        f"has {said.size:,}, and {said.packed:,} under zstd: if you only need storage, keep it.",
        "time": f"{story.writing:.1f} s to draw, encode and check a page, in the background; "
        f"{story.asked.seconds:.1f} s to find and read the answer.",
    }
    _print_named(costs)


def _print_tiers(story: "Story") -> None:
    click.echo("\nWhat is left as the pages fade")
    tokens = story.conversation.tokens
    rows = [("after", "tier", "vision tokens", "ratio", "read right", "kept verbatim", "bytes")]
    rows += [
        (
            _age(r), r.tier.label, f"{r.tokens:,}", f"{tokens / r.tokens:.1f}×", percent(r.right),
            f"{r.kept:,}", f"{r.stored:,}",
        )
        for r in story.readings
    ]  # fmt: skip
    print_rows(rows, left=(0, 1))
    kept = {keep: [r.tier.label for r in story.readings if r.keep == keep] for keep in KEPT}
    words = [f"at {_and(tiers)} {KEPT[keep]}" for keep, tiers in kept.items() if tiers]
    silent = max(reading.silent for reading in story.readings)
    print_paragraph(
        "ratio: text tokens to a vision token. kept verbatim: characters stored beside the tokens, "
        f"{', '.join(words)}. bytes: everything stored; the text has "
        f"{story.conversation.size:,}. At most {percent(silent)} of the characters came back wrong "
        "without a mark."
    )
    click.echo("\nOne line of a page as it reads at each (� is doubtful):\n")
    for reading in story.readings:
        click.echo(f"  {_age(reading):>9}  {reading.line.text}")


def _print_files(out: Path, readable: int, story: "Story") -> None:
    tiers = [reading.tier.label for reading in story.readings]
    pages = {
        "overview.png": "that line on the page at every tier: start here",
        f"page-1-{tiers[0]}.png …": f"page 1 of {story.pages} as the model sees it, down to "
        f"{tiers[-1]}",
        "readable-1.png …": f"the same turns drawn for people and large vision models, which "
        f"need larger letters: {readable} pages in place of {story.pages}",
    }
    click.echo(f"\nIn {out}")
    _print_named(pages)
    click.echo()


def _save_images(out: Path, story: "Story") -> int:
    """Save the overview, a page at each tier, and the turns as readable pages, whose number is
    returned."""
    from optimem.cli.demo_story import QUESTION
    from optimem.renderers.images import readable_png, save_page
    from optimem.renderers.overview import TierPanel, save_overview
    from optimem.renderers.readable import render_pages

    readable = render_pages(story.conversation.turns)
    for number, page in enumerate(readable, 1):
        (out / f"readable-{number}.png").write_bytes(readable_png(page.image))
    panels = list[TierPanel]()
    for r in story.readings:
        save_page(r.ink, out / f"page-1-{r.tier.label}.png")
        title = f"{_age(r)} · {r.tier.label}"
        panels.append(TierPanel(r.ink, title, _figures(r, story), r.line))
    subtitles = (
        f"Three months of talk, {story.conversation.tokens:,} tokens of text, on {story.pages} "
        "pages that fade. The same place on a page, and the boxed line as it",
        f"is read back. Asked after {_age(_asked(story))}: “{QUESTION}”",
    )
    save_overview("optimem: memory that fades", subtitles, panels, out / "overview.png")
    return len(readable)


def _figures(reading: "TierReading", story: "Story") -> list[str]:
    said = story.conversation
    return [
        f"{reading.tier.tokens} vision tokens a page, {reading.tier.value} px a side",
        f"{said.tokens / reading.tokens:.1f} text tokens for each",
        f"{percent(reading.right)} of the characters read right",
        f"{reading.kept:,} of {len(said.text):,} kept verbatim",
        f"{reading.stored:,} bytes; the text has {said.size:,}",
    ]


def _asked(story: "Story") -> "TierReading":
    """The memory as it was when the question was asked."""
    from optimem.cli.demo_story import ASKED_AT

    (then,) = (reading for reading in story.readings if reading.tier == ASKED_AT)
    return then


def _age(reading: "TierReading") -> str:
    return duration(reading.age) if reading.age else "today"


def _and(names: Sequence[str]) -> str:
    """Names as a sentence lists them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _print_named(lines: Mapping[str, str]) -> None:
    """Names, and beside each what is said of it, wrapped."""
    width = max(map(len, lines)) + 2
    for name, text in lines.items():
        click.echo(_indented(text, f"  {name:<{width}}", " " * (width + 2)))


def _indented(text: str, first: str = "  ", rest: str = "  ") -> str:
    columns = shutil.get_terminal_size().columns
    return click.wrap_text(text, columns, initial_indent=first, subsequent_indent=rest)
