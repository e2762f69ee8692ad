"""The picture of the README: `python -m benchmarks.agents.story`.

A conversation of 300 turns through a real agent on a scripted model: what the model is sent turn by
turn, with everything and with optimem; how many planted facts are in it when asked for, at once and
after the pages have faded; and one question with its answer on the faded page. What the picture
looks like is the business of `story_picture`.
"""

import argparse
import base64
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.agents.baselines import TrimmingMiddleware
from benchmarks.agents.conversation import Conversation, make_conversation
from benchmarks.agents.exchanges import PlantedFact
from benchmarks.agents.measure import AGES, SCOPE, START, TURN_SECONDS, fade, score
from benchmarks.agents.runs import AgentRun
from benchmarks.agents.story_picture import Exhibit, Share, Story, draw
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.errors import InputError
from optimem.protocols import PageCodec
from optimem.renderers.images import load_ink, page_png
from optimem.testing import ManualClock

PICTURE = Path(__file__).parents[2] / "docs" / "context.svg"
TRIGGER = 2000
"""Tokens of a request at which old messages leave it."""
SHOWN = (84, 7)
"""Cells of the page that the picture shows, across and down."""


def main() -> None:
    """Run, draw, and print the figures."""
    args = _arguments()
    story = tell(make_conversation(args.seed, args.turns, args.facts))
    args.out.write_text(draw(story), "utf-8")
    print(f"tokens of the last request: {story.plain[-1]:,} and {story.ours[-1]:,} with optimem")
    for share in story.shares:
        print(f"{share.name}: {share.found} of {share.asked} facts")
    print(f"{story.exhibit.question} {story.exhibit.answer}\nwritten to {args.out}")


def tell(
    conversation: Conversation,
    codec: PageCodec | None = None,
    ages: Mapping[str, tuple[float, ...]] = AGES,
) -> Story:
    """All runs. `codec`: of the memory, default the shipped model's."""
    plain, clock = AgentRun(conversation).play(), ManualClock(START)
    with OpticalMemory.open(":memory:", clock=clock, codec=codec) as memory:
        middleware = OptimemMiddleware(
            memory, scope=SCOPE, trigger=("tokens", TRIGGER), on_error="raise"
        )
        ours = AgentRun(conversation, [middleware])
        ours.play(after_turn=lambda: clock.advance(TURN_SECONDS))
        scores = [score("everything", plain), score("optimem", ours)]
        shares = [_share(each.name, each.found) for each in scores]
        for age, days in ages.items():
            faded = fade(age, days, memory, clock, ours.ask)
            shares.append(_share(f"optimem, {age} later", faded.found))
        trimming = TrimmingMiddleware(max(scores[1].tokens))
        trimmed = AgentRun(conversation, [trimming]).play()
        shares.append(_share("as many tokens, the newest", trimmed.ask()))
        exhibit = _exhibit(memory, conversation.facts)
    return Story(scores[0].tokens, scores[1].tokens, shares, exhibit)


def _share(name: str, found: Sequence[bool]) -> Share:
    return Share(name, sum(found), len(found))


def _exhibit(memory: OpticalMemory, facts: Sequence[PlantedFact]) -> Exhibit:
    """The shortest turn on a page that is recalled first and holds the fact asked for."""
    found = [
        (fact.question, hit)
        for fact in facts
        for hit in memory.recall(SCOPE, fact.question, 1, refresh=False)
        if fact.value in hit.text and hit.parts[0].page
    ]
    if not found:
        raise InputError("no fact is recalled first from the faded pages; give more turns")
    question, hit = min(found, key=lambda each: len(each[1].text))
    part = hit.parts[0]
    (page,) = (
        line
        for line in memory.export([SCOPE], images=True)
        if line["kind"] == "page" and line["page"] == part.page
    )
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        Path(file.name).write_bytes(base64.b64decode(page["png"]))
        ink = load_ink(Path(file.name))
    left, top, right, bottom = window = _window(ink.shape[0], part.boxes[0])
    boxes = [_within(box, window) for box in part.boxes]
    cut = page_png(ink[top:bottom, left:right])
    return Exhibit(
        question, hit.text, part.tier, hit.age, cut,
        (right - left, bottom - top), [box for box in boxes if box[2] > box[0]],
    )  # fmt: skip


def _window(side: int, box: Sequence[float]) -> tuple[int, int, int, int]:
    """The pixels around a box: left, top, right, bottom."""
    cell, line = side / 160, side / 80
    width, height = round(SHOWN[0] * cell), round(SHOWN[1] * line)
    left = min(max(round(box[0] - 3 * cell), 0), side - width)
    top = min(max(round(box[1] - 3 * line), 0), side - height)
    return left, top, left + width, top + height


def _within(box: Sequence[float], window: Sequence[int]) -> tuple[float, float, float, float]:
    """The part of a box in a window, in its coordinates."""
    left, top, right, bottom = window
    x0, y0, x1, y1 = box
    return (
        max(x0, left) - left, max(y0, top) - top, min(x1, right) - left, min(y1, bottom) - top
    )  # fmt: skip


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.agents.story",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--turns", type=int, default=300, help="of the conversation")
    parser.add_argument("--facts", type=int, default=40, help="planted in it")
    parser.add_argument("--seed", type=int, default=0, help="of the conversation")
    parser.add_argument("--out", type=Path, default=PICTURE, help="the picture")
    return parser.parse_args()


if __name__ == "__main__":
    main()
