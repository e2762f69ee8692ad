"""Pages to turns: what can be read of a page, and the turns that match a query or a time.

The last tests read pages with Tesseract in a model's place. It knows nothing of us: that it reads
the pages shows that they are legible, and that its free text comes back as turns shows that a
model's will. What stands for the vision tokens is the page's image.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from optimem import OpticalMemory
from optimem.api.files import compress
from optimem.api.files import read_pages as read_file
from optimem.errors import FingerprintError, FormatError, InputError
from optimem.memory.decay import DAY, DecayPolicy
from optimem.memory.recall.page_reading import PageReading, read_each, read_pages
from optimem.memory.recall.turn_builder import TurnBuilder, line_boxes
from optimem.memory.records.records import PageRecord
from optimem.model.deepseek_ocr.alignment import ReadText, align, outline_rows
from optimem.omem.corrections import Corrections
from optimem.protocols import Box, Page, PageCodec, ReadCells, VisionTokens
from optimem.renderers.ruled import RuledRenderer
from optimem.results import RecalledTurn
from optimem.testing import ManualClock, PlainModel, PlainRenderer, open_memory, plain_codec
from optimem.testing.pages import COLUMNS
from optimem.text.keeping import Keep
from optimem.tiers import Tier
from optimem.turns import Turn
from tests.memory.factories import (
    NOW,
    SCOPE,
    InterruptedStore,
    ReadOnlyStore,
    make_chunk,
    make_page,
    make_span,
)

CONVERSATION = ["Which certificate does the proxy serve?", "looking", "/etc/tls/a.pem", "Anything?"]


def test_turns_beside_one_that_is_forgotten_meanwhile_are_read_whole() -> None:
    """Their page is drawn anew between the listing of pages and their fetching."""
    store = InterruptedStore()
    with open_memory(store) as memory:
        turns = [Turn(text=f"the {c} port " + c * 90, id=c) for c in "abcdefgh"]
        memory.append(SCOPE, [*turns, Turn(text="long " * 200, id="long")])
        memory.flush(SCOPE)
        store.other = lambda: memory.forget(SCOPE, turn="b")
        left = ["a", *"cdefgh", "long"]
        assert [turn.id for turn in memory.reconstruct(SCOPE)] == left
        store.other = lambda: memory.forget(SCOPE, turn="d")
        found = memory.recall(SCOPE, "port", k=9)
        assert {turn.id for turn in found} == set("acefgh")
        store.other = lambda: memory.forget(SCOPE, turn="h")  # it shares a page with "long"
        (turn,) = memory.recall(SCOPE, "long", k=1)
        assert (turn.text, turn.exact) == ("long " * 200, True)


def test_readers_beside_many_that_forget_see_every_other_turn(tmp_path: Path) -> None:
    kept, gone = [f"kept {n}" for n in range(12)], [f"gone {n}" for n in range(12)]
    ids = [id for pair in zip(kept, gone, strict=True) for id in pair]
    with OpticalMemory.open(tmp_path / "m.db", codec=plain_codec()) as memory:
        memory.append(SCOPE, [Turn(text=f"port {id} " * 12, id=id) for id in ids])
        memory.flush(SCOPE)
        with ThreadPoolExecutor(3) as pool:
            forgetting = pool.submit(lambda: [memory.forget(SCOPE, turn=id) for id in gone])
            readings = 0
            while not forgetting.done() or readings < 2:
                for turns in (memory.reconstruct(SCOPE), memory.recall(SCOPE, "port", k=99)):
                    found = {turn.id: turn for turn in turns}
                    assert found.keys() >= set(kept)
                    assert all(found[id].text == f"port {id} " * 12 for id in found)
                readings += 1
            forgetting.result()
        assert [turn.id for turn in memory.reconstruct(SCOPE)] == kept


def test_a_store_that_cannot_be_written_is_recalled_from() -> None:
    store, clock = ReadOnlyStore(), ManualClock()
    with open_memory(store, clock=clock) as memory:
        memory.append(SCOPE, Turn(text="the port is 6543", id="p"))
        memory.flush(SCOPE)
        clock.advance(hours=2)
        store.read_only = True
        (turn,) = memory.recall(SCOPE, "port")
        assert memory.answer(SCOPE, "What is the port?").known
        assert turn.text == memory.reconstruct(SCOPE)[0].text == "the port is 6543"
        assert memory.stats(SCOPE).pages == 1


def page_of(text: str, **fields: object) -> PageRecord:
    """A page with one turn, of tokens that spell its text, on Base."""
    cells = PlainRenderer().cells(text, "user")
    body = VisionTokens(Tier.BASE, len(cells), "plain-1", cells.tobytes())
    return replace(make_page(make_span(text)), body=body, **fields)  # type: ignore[arg-type]


def test_a_page_that_reads_as_it_was_written_is_exact() -> None:
    (reading,) = read_pages([page_of("port 6543")], plain_codec())
    (span,) = reading.spans
    assert (span.reading.text, span.exact) == ("port 6543", True)
    assert span.reading.probability.tolist() == [1.0] * 9
    assert span.reading.cell.tolist() == list(range(1, 10))  # after the role mark
    assert len(reading.cells.ids) == 10


def test_a_misread_span_is_not_exact_and_what_is_doubtful_is_marked() -> None:
    span = make_span("port 6543")
    record = replace(page_of("p?rt 6543"), spans=(span,))
    (reading,) = read_pages([record], plain_codec())
    assert not reading.spans[0].exact
    assert reading.spans[0].reading.marked(0.5) == "p\ufffdrt 6543"


def test_corrections_replace_what_is_read_and_doubts_are_marked() -> None:
    found = Corrections(np.array([3, 6, 7]), np.array([-1, ord("6"), ord("5")]))
    record = page_of("p?rt 9943", kept=Keep.VALUES, corrections=found.pack(10))
    (reading,) = read_pages([replace(record, spans=(make_span("port 6543"),))], plain_codec())
    text, probability = reading.spans[0].reading.text, reading.spans[0].reading.probability
    assert text == "p?rt 6543"
    assert probability.tolist() == pytest.approx([0.99, 0.2, 0, 0.99, 0.99, 1, 1, 0.99, 0.99])


def test_a_text_that_should_be_exact_and_is_not_is_marked_where_it_is_least_sure() -> None:
    record = replace(page_of("part 6543"), spans=(make_span("port 6543"),))
    (reading,) = read_pages([record], plain_codec())
    assert not reading.spans[0].exact
    assert reading.spans[0].reading.marked(0.5) == "\ufffdart 6543"
    (reading,) = read_pages([record], plain_codec()._replace(decoder=HesitantModel()))
    assert reading.spans[0].reading.marked(0.5) == "\ufffd" * 9


def test_corrections_of_another_page_are_damage() -> None:
    broken = page_of("port 6543", corrections=b"\xff" * 40)
    reading, sound = read_each([broken, page_of("port")], plain_codec())
    assert isinstance(reading, FormatError)
    assert isinstance(sound, PageReading)


class HesitantModel(PlainModel):
    """A model that finds every cell just likely."""

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        return [
            ReadCells(cells.ids, np.full(len(cells.ids), 0.9, np.float32))
            for cells in super().read(tokens)
        ]


def test_a_page_kept_as_text_reads_with_certainty_beside_others() -> None:
    text = replace(make_page(make_span("as text"), tier=None), body=("as text",))
    codec = plain_codec()
    readings = read_pages([text, page_of("as tokens"), text], codec)
    assert [reading.spans[0].reading.text for reading in readings] == [
        "as text", "as tokens", "as text",
    ]  # fmt: skip
    assert all(reading.spans[0].exact for reading in readings)
    assert isinstance(codec.decoder, PlainModel)
    assert codec.decoder.read_pages == 1


def test_tokens_of_another_encoder_are_refused() -> None:
    with pytest.raises(FingerprintError, match="plain-1"):
        read_pages([page_of("a")], plain_codec()._replace(decoder=PlainModel(fingerprint="b")))


def test_neighbours_on_a_line_share_a_box() -> None:
    cells = np.array([0, 1, 2, 5, COLUMNS - 1, COLUMNS, COLUMNS + 1])
    assert line_boxes(cells, plain_codec(), Tier.BASE) == [
        Box(0, 0, 3, 1), Box(5, 0, 6, 1), Box(COLUMNS - 1, 0, COLUMNS, 1), Box(0, 1, 2, 2),
    ]  # fmt: skip
    assert line_boxes(np.zeros(0, np.int64), plain_codec(), Tier.BASE) == []


def test_a_turn_is_put_together_from_pages_and_tail_and_cut() -> None:
    codec, record = plain_codec(), page_of("on a page")
    turn = TurnBuilder(7, "t7", "user", NOW)
    turn.add_span(record, read_pages([record], codec)[0].spans[0], 0.5)
    turn.add_chunk(make_chunk(" and in the", 7, 9, ends=False))
    turn.add_chunk(make_chunk(" tail", 7, 20))
    whole = turn.build(RecalledTurn, NOW + 5, codec)
    assert (whole.text, whole.guess) == ("on a page and in the tail",) * 2
    assert (whole.id, whole.age, whole.exact, whole.probability) == ("t7", 5, True, 1.0)
    assert [(part.page, part.tier) for part in whole.parts] == [("ab", "base"), (None, "tail")]
    cut = turn.cut(5, 13).build(RecalledTurn, NOW - 5, codec)
    assert (cut.text, cut.age) == ("page and", 0)
    assert cut.parts[0].boxes == [Box(6, 0, 10, 1)]
    assert [part.tier for part in turn.cut(10, 13).build(RecalledTurn, NOW, codec).parts] == [
        "tail"
    ]


def test_recall_ranks_reads_only_what_it_needs_and_gives_boxes(memory: OpticalMemory) -> None:
    for i in range(30):
        memory.append(SCOPE, f"turn {i} about the weather in Lisbon and " + "rain " * 20)
    memory.append(SCOPE, Turn(text="The staging database listens on port 6543.", id="port"))
    for i in range(10):
        memory.append(SCOPE, f"later turn {i} about gardens and " + "roses " * 20)
    memory.flush(SCOPE)
    decoder = memory.codec.decoder
    assert isinstance(decoder, PlainModel)
    decoder.read_pages = 0
    hits = memory.recall(SCOPE, "which port does the staging database use?", k=1)
    assert [hit.id for hit in hits] == ["port"]
    assert hits[0].exact
    assert hits[0].parts[0].boxes
    assert decoder.read_pages <= 2
    assert memory.recall(SCOPE, "zeppelin") == []


def test_only_pages_of_the_time_asked_for_are_read(memory: OpticalMemory) -> None:
    said = [Turn(text=f"{i} " + "x" * 380, id=str(i), time=NOW + i) for i in range(6)]
    memory.append(SCOPE, said)
    memory.flush(SCOPE)
    decoder = memory.codec.decoder
    assert isinstance(decoder, PlainModel)
    decoder.read_pages = 0
    found = memory.reconstruct(SCOPE, since=NOW + 2, until=NOW + 3)
    assert [turn.id for turn in found] == ["2", "3"]
    assert all(turn.exact for turn in found)
    assert decoder.read_pages <= 3


def test_a_recall_sees_what_was_appended_and_forgotten_since_the_last(
    memory: OpticalMemory,
) -> None:
    for i in range(6):
        memory.append(SCOPE, Turn(text=f"lantern {i} " + "x" * 200, id=str(i)))
        memory.drain()
        assert len(memory.recall(SCOPE, "lantern", k=9)) == i + 1
    memory.forget(SCOPE, turn="2")
    assert {hit.id for hit in memory.recall(SCOPE, "lantern", k=9)} == {"0", "1", "3", "4", "5"}


@pytest.mark.parametrize("flushed", [False, True])
def test_the_turns_after_a_hit(flushed: bool) -> None:
    with open_memory() as memory:
        memory.append("s", CONVERSATION)
        if flushed:
            memory.flush("s")
        (hit,) = memory.recall("s", "proxy certificate")
        found = memory.recall("s", "proxy certificate", following=2)
        assert [turn.text for turn in found] == CONVERSATION[:3]
        assert [turn.score for turn in found] == [hit.score, 0, 0]


async def test_following_async_and_what_cannot_be() -> None:
    with open_memory() as memory:
        memory.append("s", CONVERSATION)
        assert len(await memory.arecall("s", "proxy", following=1)) == 2
        with pytest.raises(InputError, match="-1 after each"):
            memory.recall("s", "proxy", following=-1)


def test_recalling_lets_a_page_fade_later_at_most_once_an_hour() -> None:
    clock = ManualClock(NOW)
    with open_memory(clock=clock) as memory:
        memory.append("s", "a lantern")
        memory.flush("s")

        def due() -> float | None:
            return memory.stats("s").next_due

        assert due() == NOW + DAY
        clock.advance(hours=0.9)
        memory.recall("s", "lantern")
        assert due() == NOW + DAY
        clock.advance(hours=0.2)
        memory.recall("s", "lantern", refresh=False)
        assert due() == NOW + DAY
        memory.recall("s", "lantern")
        assert due() == clock() + DAY


TURNS = [
    Turn(role="user", id="q", text="Which port does the staging database listen on?"),
    Turn(
        role="assistant",
        id="a",
        text="It listens on port 6543. The host was moved to Rotterdam last week, and everybody "
        "who connects from the old office needs the new address, staging.example.org.\n"
        "1. Stop the worker.\n2. Change the address.\n3. Start it again.",
    ),
    *(
        Turn(role="tool", id=f"t{n}", text=f"Run {n} took {n + 7} minutes and wrote {n} files.")
        for n in range(2, 30)
    ),
]


class TesseractPages:
    """Keeps a page's image and reads it."""

    fingerprint = "tesseract"

    def __init__(self) -> None:
        self.drawn: dict[bytes, Page] = {}  # by their image: whose rules are stored beside tokens

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        return [self._kept(page, tier) for page in pages]

    def _kept(self, page: Page, tier: Tier) -> VisionTokens:
        png = BytesIO()
        Image.fromarray(255 - page.image(tier)).save(png, "PNG")
        self.drawn[png.getvalue()] = page
        return VisionTokens(tier, len(page.cells), self.fingerprint, png.getvalue())

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        return [self._read(token) for token in tokens]

    def _read(self, token: VisionTokens) -> ReadCells:
        said = subprocess.run(
            ["tesseract", "-", "-", "--psm", "6"],
            input=token.data,
            capture_output=True,
            check=True,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},  # its threads wait for each other, busily
        )
        text = said.stdout.decode()
        sure = np.full(len(text), 0.9, np.float32)
        return align(ReadText(text, sure), outline_rows(self.drawn[token.data].cells))


@pytest.fixture
def tesseract() -> PageCodec:
    """Pages that Tesseract reads; the test is skipped, or in CI fails, without it."""
    if shutil.which("tesseract") is None:
        if os.environ.get("CI"):
            pytest.fail("tesseract is not installed; apt-get install tesseract-ocr")
        pytest.skip("needs tesseract: apt-get install tesseract-ocr")
    pages = TesseractPages()
    return PageCodec(RuledRenderer(), pages, pages)


@pytest.fixture
def legible(tesseract: PageCodec) -> Iterator[OpticalMemory]:
    policy = DecayPolicy(write_error=0.03, floor=0.9)
    with open_memory(codec=tesseract, policy=policy, clock=lambda: NOW) as opened:
        opened.append("s", TURNS)
        opened.flush("s")
        yield opened


def test_turns_are_read_from_the_image(legible: OpticalMemory) -> None:
    assert legible.stats("s").pages_by_tier == {"large": 1}
    turns = legible.reconstruct("s")
    assert [turn.id for turn in turns] == [turn.id for turn in TURNS]
    assert sum(turn.exact for turn in turns) >= len(turns) - 1
    (found,) = legible.recall("s", "port of the staging database", k=1)
    assert found.id in ("q", "a")
    assert found.parts[0].boxes


def test_a_page_fades_and_its_exact_values_stay(legible: OpticalMemory) -> None:
    report = legible.sweep(now=NOW + 2 * DAY)
    assert [(move.before, move.after) for move in report.moves] == [("large", "base")]
    report = legible.sweep(now=NOW + 10 * DAY)
    assert [(move.before, move.after) for move in report.moves] == [("base", "small")]
    texts = {turn.id: turn.text for turn in legible.reconstruct("s")}
    assert "6543" in texts["a"]
    right = sum(texts[turn.id] == turn.text for turn in TURNS)
    assert right > 0.6 * len(TURNS)


def test_an_image_drawn_without_a_turn_is_read_too(legible: OpticalMemory) -> None:
    receipt = legible.forget("s", turn="a")
    assert (receipt.turns, receipt.left) == (1, 0)
    left = legible.reconstruct("s")
    assert [turn.id for turn in left] == [turn.id for turn in TURNS if turn.id != "a"]
    assert sum(turn.exact for turn in left) >= len(left) - 2
    assert not any("Rotterdam" in turn.text for turn in left)


def test_a_text_of_many_pages_is_compressed_and_read(tesseract: PageCodec, tmp_path: Path) -> None:
    text = "\n".join(f"{n}. The quick brown fox jumps over {n * 37} lazy dogs." for n in range(150))
    done = compress(text, Tier.LARGE, tesseract)
    assert done.report.pages == 4
    assert done.report.accuracy > 0.99
    done.file.save(tmp_path / "fox.omem")
    read = "".join(page.text for page in read_file(done.file, tesseract))
    assert len(read) == len(text)
    assert sum(a == b for a, b in zip(read, text, strict=True)) > 0.99 * len(text)
