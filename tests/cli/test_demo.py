"""`optimem demo`, run once, as a user runs it."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from optimem.cli.demo_story import ASKED_AT, FACT, QUESTION, SHOWN_TURN, demo_turns
from optimem.evaluation.round_trip import AGES
from optimem.memory.decay import DAY
from optimem.omem.container import compress
from optimem.renderers.overview import HEADER_HEIGHT, PANEL_HEIGHT, Mark
from tests.cli.command import run_process as run

Done = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("demo") / "deep"
    done = run("demo", "--out", str(out), COLUMNS="80")
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(), out


def test_it_leads_with_what_is_sent_what_is_answered_and_what_it_costs(
    demo: tuple[str, Path],
) -> None:
    parts = (
        QUESTION, "What a model is sent", "What is answered", "What it costs", "What is left",
        "One line", "readable-1.png",
    )  # fmt: skip
    places = [demo[0].index(part) for part in parts]
    assert places == sorted(places)


def test_what_is_recalled_is_a_small_part_of_everything(demo: tuple[str, Path]) -> None:
    sent = re.findall(r"([\d,]+) tokens +([\d.]+) %", demo[0])
    everything, recalled, pages = (int(tokens.replace(",", "")) for tokens, _ in sent)
    assert recalled < everything / 10
    assert pages < everything / 20
    assert [float(share) for _, share in sent] == [
        100, round(100 * recalled / everything, 1), round(100 * pages / everything, 1)
    ]  # fmt: skip


def test_the_old_question_is_answered_off_a_faded_page(demo: tuple[str, Path]) -> None:
    days = int(AGES[ASKED_AT] / DAY)
    text = " ".join(demo[0].split())
    asked, answered = text.split(QUESTION, 1)
    assert asked.endswith(f"{days} days later you ask: ")
    assert re.search(r"6543 .*\(user, \d+ days ago; read off a page at tiny; [^)]+\)", answered)


def test_bytes_stand_beside_those_of_the_text(demo: tuple[str, Path]) -> None:
    text = " ".join(demo[0].split())
    written = "\n".join(str(turn["text"]) for turn in demo_turns()).encode()
    size, packed = f"{len(written):,}", f"{len(compress(written)):,}"
    assert (
        f"The text has {size}, and {packed} under zstd: if you only need storage, keep it" in text
    )
    assert f"bytes: everything stored; the text has {size}." in text


def test_every_tier_with_its_figures(demo: tuple[str, Path]) -> None:
    rows = re.findall(
        r"^ +(today|\d+ days) +(\w+) +\d+ +([\d.]+)× +([\d.]+) % +(\d+) +[\d,]+ *$", demo[0], re.M
    )
    assert [(age, tier) for age, tier, *_ in rows] == [
        ("today", "large"), ("2 days", "base"), ("10 days", "small"), ("60 days", "tiny"),
        ("200 days", "trace"),
    ]  # fmt: skip
    ratios = [float(row[2]) for row in rows]
    right = [float(row[3]) for row in rows]
    verbatim = [int(row[4]) for row in rows]
    assert ratios == sorted(ratios)
    assert right == sorted(right, reverse=True)
    assert right[0] > 99.9
    assert verbatim[:4] == sorted(verbatim[:4])
    assert verbatim[4] == 0


def test_the_line_shown_holds_the_fact_until_it_fades(demo: tuple[str, Path]) -> None:
    lines = re.findall(r"^ +(?:today|\d+ days)  (.{46})$", demo[0], re.M)
    assert len(lines) == 5
    assert all(FACT in line for line in lines[:4])
    assert "�" in lines[4]


def test_it_fits_a_terminal(demo: tuple[str, Path]) -> None:
    assert max(map(len, demo[0].splitlines())) <= 80


def test_the_images_are_there_and_explained(demo: tuple[str, Path]) -> None:
    names = {path.name for path in demo[1].iterdir()}
    assert names >= {"overview.png", "page-1-large.png", "page-1-trace.png", "readable-1.png"}
    readable = sum(name.startswith("readable") for name in names)
    assert f"{readable} pages in place of 2" in " ".join(demo[0].split())
    with Image.open(demo[1] / "page-1-trace.png") as page:
        assert page.size == (384, 384)


def test_the_overview_marks_what_was_kept_verbatim(demo: tuple[str, Path]) -> None:
    with Image.open(demo[1] / "overview.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    last = HEADER_HEIGHT + 4 * PANEL_HEIGHT
    tiny, trace = pixels[last - PANEL_HEIGHT : last], pixels[last:]
    blue = tuple(bytes.fromhex(Mark.VERBATIM.value[1:]))
    assert (tiny == blue).all(-1).any()
    assert not (trace == blue).all(-1).any()


def test_the_conversation_holds_what_is_shown_and_asked() -> None:
    turns = {turn["id"]: turn for turn in demo_turns()}
    assert FACT in str(turns[SHOWN_TURN]["text"])
    assert turns["alice"]["role"] == "text"
