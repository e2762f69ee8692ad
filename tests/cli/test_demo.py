"""`optimem demo`, run once, as a user runs it."""

import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from optimem.cli.demo import QUESTION, SHOWN_TURN, demo_turns
from tests.cli.command import run

Done = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("demo") / "deep"
    done = run("demo", "--out", str(out), COLUMNS="100")
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(), out


def test_every_tier_with_its_figures(demo: tuple[str, Path]) -> None:
    rows = re.findall(
        r"^ +(today|\d+ days) +(\w+) +[\d,]+ → \d+ +([\d.]+)× +([\d.]+)%", demo[0], re.M
    )
    assert [(age, tier) for age, tier, _, _ in rows] == [
        ("today", "large"), ("2 days", "base"), ("10 days", "small"), ("60 days", "tiny"),
        ("200 days", "trace"),
    ]  # fmt: skip
    ratios = [float(ratio) for _, _, ratio, _ in rows]
    right = [float(share) for *_, share in rows]
    assert ratios == sorted(ratios)
    assert right == sorted(right, reverse=True)
    assert right[0] > 99.9


def test_the_old_question_is_answered(demo: tuple[str, Path]) -> None:
    _, answer = demo[0].split(f"Asked 60 days later: {QUESTION}")
    assert "6543" in answer
    assert re.search(r"user · \d+ days ago · tiny · \d+% certain · page \w+, box \(", answer)


def test_the_images_are_there(demo: tuple[str, Path]) -> None:
    names = {path.name for path in demo[1].iterdir()}
    assert names >= {"overview.png", "page-1-large.png", "page-1-trace.png", "readable-01.png"}
    with Image.open(demo[1] / "page-1-trace.png") as page:
        assert page.size == (384, 384)


def test_the_conversation_holds_what_is_shown_and_asked() -> None:
    turns = {turn["id"]: turn for turn in demo_turns()}
    assert "6543" in str(turns[SHOWN_TURN]["text"])
    assert turns["alice"]["role"] == "text"
