"""What the demo lives through: a conversation is remembered, months pass, an old question is asked.

Gathers values and prints none of them.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.api.memory import OpticalMemory
from optimem.build import caching
from optimem.evaluation.measures import accuracy, silent_errors
from optimem.evaluation.round_trip import AGES, NO_FLOOR
from optimem.memory.recall.page_reading import read_pages
from optimem.memory.recall.prompting import format_context
from optimem.memory.records.records import PageRecord
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.writing.drawing import certain
from optimem.omem.container import compress
from optimem.omem.corrections import Corrections
from optimem.omem.text import paginate
from optimem.protocols import REPLACEMENT, Cells, PageCodec, ReadCells, VisionTokens
from optimem.renderers.dense import COLUMNS
from optimem.renderers.images import Ink
from optimem.renderers.overview import SHOWN_CELLS, Mark, ShownLine
from optimem.text.keeping import Keep
from optimem.text.tokens import text_tokens
from optimem.tiers import Tier
from optimem.turns import Scope, Turn

if TYPE_CHECKING:
    from optimem.results import Answer

SCOPE = Scope.parse("demo/you/chat")
QUESTION = "Which port does the staging database listen on?"
FACT = "port 6543"
"""What is shown on the page, in the turn SHOWN_TURN."""
SHOWN_TURN = "d0-3"
ASKED_AT = Tier.TINY
BEFORE_FACT = 8
"""Cells shown before it."""
CONTEXT = 2000
"""Tokens that recalled turns may take in a prompt."""

CountDone = Callable[[int, int], None]
"""Called with the number of tiers read and of all."""


class Conversation(NamedTuple):
    """The turns that are remembered. `tokens`: text tokens; `size`: bytes, and `packed` under zstd;
    `end`: the time of the last turn."""

    turns: list[Turn]
    text: str
    tokens: int
    size: int
    packed: int
    end: float


class TierReading(NamedTuple):
    """The whole memory as it reads at one tier. `age`: seconds since the last turn. `right`,
    `silent`: shares of the characters that are right, and wrong but not marked as doubtful.
    `tokens`: vision tokens. `kept`: characters stored verbatim beside them, of those that `keep`
    asks for. `stored`: bytes of everything. `ink`: the first page's image. `line`: a line of it,
    as read."""

    tier: Tier
    age: float
    right: float
    silent: float
    tokens: int
    kept: int
    keep: Keep
    stored: int
    ink: Ink
    line: ShownLine


class Asked(NamedTuple):
    """The old question. `answer`: and where it was read. `context`: text tokens of the turns that
    match best, as a model would be sent them. `seconds`: from the question to the answer, in a
    memory that was just opened."""

    answer: "Answer"
    context: int
    seconds: float


class Story(NamedTuple):
    """All of it. `writing`: seconds to draw, encode and check a page."""

    conversation: Conversation
    pages: int
    writing: float
    readings: list[TierReading]
    asked: Asked


def demo_turns() -> list[dict[str, object]]:
    """The conversation that ships, and the chapter as its last turn."""
    data = files("optimem.cli").joinpath("demo_data")
    turns = [json.loads(line) for line in data.joinpath("conversation.jsonl").open("rb")]
    chapter = data.joinpath("alice.txt").read_text("utf-8")
    book = {"role": "text", "id": "alice", "text": chapter, "time": turns[-1]["time"] + 60}
    return [*turns, book]


def live_through(codec: PageCodec, progress: CountDone) -> Story:
    """Remember the conversation, read it at every tier as months pass, and ask."""
    conversation = _conversation()
    blank = codec.renderer.page(codec.renderer.cells(" "))
    codec.encoder.encode([blank], Tier.TRACE)  # loads the model, which no time below includes
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "demo.db"
        with OpticalMemory.open(place, policy=NO_FLOOR, codec=codec) as memory:
            started = time.perf_counter()
            memory.append(SCOPE, conversation.turns, now=conversation.end)
            memory.flush(SCOPE, now=conversation.end)
            pages = memory.stats().pages
            writing = (time.perf_counter() - started) / pages
        readings = list[TierReading]()
        for tier, age in AGES.items():
            now = conversation.end + age
            with OpticalMemory.open(place, policy=NO_FLOOR, codec=codec) as memory:
                memory.sweep(now=now)
            with OpticalMemory.open(place, policy=NO_FLOOR, codec=caching(codec)) as memory:
                if tier == ASKED_AT:
                    asked = _ask(memory, now)
                readings.append(_read(memory, tier, age, conversation))
            progress(len(readings), len(AGES))
    return Story(conversation, pages, writing, readings, asked)


def _conversation() -> Conversation:
    turns = [Turn.model_validate(turn) for turn in demo_turns()]
    text = "\n".join(turn.text for turn in turns)
    written = text.encode()
    return Conversation(
        turns, text, text_tokens(text), len(written), len(compress(written)), turns[-1].time or 0.0
    )


def _ask(memory: OpticalMemory, now: float) -> Asked:
    """The old question, asked of a memory whose pages were not read yet."""
    started = time.perf_counter()
    answer = memory.answer(SCOPE, QUESTION, now=now, refresh=False)
    seconds = time.perf_counter() - started
    hits = memory.recall(SCOPE, QUESTION, now=now, refresh=False)
    return Asked(answer, text_tokens(format_context(hits, CONTEXT)), seconds)


def _read(memory: OpticalMemory, tier: Tier, age: float, conversation: Conversation) -> TierReading:
    """Everything as it reads at an age, at which all pages have faded to a tier."""
    read = memory.reconstruct(SCOPE, now=conversation.end + age)
    pairs = zip(conversation.turns, read, strict=True)
    silent = sum(silent_errors(written.text, turn.text) for written, turn in pairs)
    records, stats = _records(memory), memory.stats()
    first = read_pages(records[:1], memory.codec)[0].cells
    place = _place(records[0], conversation.turns, memory.codec)
    return TierReading(
        tier=tier,
        age=age,
        right=accuracy(conversation.text, "\n".join(turn.guess for turn in read)),
        silent=silent / sum(len(turn.text) for turn in conversation.turns),
        tokens=stats.vision_tokens,
        kept=sum(len(_verbatim(record)) for record in records),
        keep=memory.policy.keep_at(tier),
        stored=stats.stored_bytes,
        ink=memory.codec.renderer.page(_cells(conversation.turns, memory.codec)).image(tier),
        line=_shown_line(first, _verbatim(records[0]), place, memory),
    )


def _records(memory: OpticalMemory) -> list[PageRecord]:
    records = ScopeRecords(memory.store, SCOPE)
    return [page.record for page in records.pages(records.page_keys()) if page]


def _verbatim(record: PageRecord) -> NDArray[np.int64]:
    """The cells of a page that are stored beside its tokens."""
    assert isinstance(record.body, VisionTokens)  # the policy lets every page fade
    corrections = Corrections.unpack(record.corrections, record.body.cells)
    return corrections.cells[corrections.named]


def _cells(turns: Sequence[Turn], codec: PageCodec) -> Cells:
    """The cells of the first page."""
    cells = [codec.renderer.cells(turn.text, turn.role) for turn in turns]
    return paginate(np.concatenate(cells), codec.renderer)[0]


def _place(record: PageRecord, turns: Sequence[Turn], codec: PageCodec) -> int:
    """The cell of a page at which the line that is shown starts: FACT stands in it."""
    (turn,) = (turn for turn in turns if turn.id == SHOWN_TURN)
    (span,) = (span for span in record.spans if span.turn == SHOWN_TURN)
    reading = codec.renderer.text(certain(codec.renderer.cells(turn.text)))
    fact = span.text_start + int(reading.cell[reading.text.index(FACT)])
    row, column = divmod(fact, COLUMNS)
    return row * COLUMNS + min(max(column - BEFORE_FACT, 0), COLUMNS - SHOWN_CELLS)


def _shown_line(
    cells: ReadCells, verbatim: NDArray[np.int64], start: int, memory: OpticalMemory
) -> ShownLine:
    """A line as it reads, cell by cell: doubtful characters, and those stored verbatim, marked."""
    part = slice(start, start + SHOWN_CELLS)
    reading = memory.codec.renderer.text(ReadCells(cells.ids[part], cells.probability[part]))
    text, marks = [" "] * SHOWN_CELLS, [Mark.READ] * SHOWN_CELLS
    for char, cell in zip(
        reading.marked(memory.policy.uncertain), reading.cell.tolist(), strict=True
    ):
        text[cell] = char if char.isprintable() else " "
        if char == REPLACEMENT:
            marks[cell] = Mark.DOUBTFUL
        elif start + cell in verbatim:
            marks[cell] = Mark.VERBATIM
    return ShownLine(start, "".join(text), tuple(marks))
