"""Pages asked by their vision tokens: what the model that reads images answers where no words do.

A page's tokens show more than its text says: a figure, a table's columns, another word for what is
asked. Asked are the pages of what was found, or, if nothing was, the newest images. Knows nothing
of how answers are quoted.
"""

from collections.abc import Iterator
from typing import NamedTuple

from optimem.memory.recall.recall import Matches, Recaller
from optimem.memory.records.records import image_key
from optimem.memory.writing.images import ask_pages
from optimem.protocols import ImageReader, VisionTokens
from optimem.results import Answer, Passage

PAGES = 3
"""Pages that are asked together, at most."""
LEAST = 0.5
"""Mean probability of an answer's tokens below which it does not count."""


class AskedPage(NamedTuple):
    """A page's vision tokens, and the id of a turn that it shows."""

    tokens: bytes
    turn: str


def answer_by_pages(
    recaller: Recaller, matches: Matches, reader: ImageReader | None, question: str
) -> Answer | None:
    """The answer from the vision tokens of pages, with the turns on them as passages. None without
    a reader or pages, and for an answer that is empty, cut off or unlikely."""
    pages = _chosen(recaller, matches, reader) if reader else []
    if not reader or not pages:
        return None
    said = ask_pages(recaller.records, [page.tokens for page in pages], reader, question)
    if said is None or said.probability < LEAST:
        return None
    turns = recaller.read([page.turn for page in pages])
    passages = [
        Passage(**dict(turn), score=0.0, number=number) for number, turn in enumerate(turns, 1)
    ]
    return Answer(
        text=said.text,
        known=True,
        source="image",
        passages=passages,
        probability=said.probability,
    )


def _chosen(recaller: Recaller, matches: Matches, reader: ImageReader) -> list[AskedPage]:
    """The pages of what was found, best first, each once; if there are none, the newest images."""
    chosen: dict[bytes, AskedPage] = {}
    for page in _found(recaller, matches, reader):
        chosen.setdefault(page.tokens, page)
        if len(chosen) == PAGES:
            break
    return list(chosen.values()) or list(_newest(recaller))


def _found(recaller: Recaller, matches: Matches, reader: ImageReader) -> Iterator[AskedPage]:
    """The images and text pages of the turns that match."""
    for each in matches.turns:
        if not each.candidate.matches:
            continue
        if tokens := recaller.records.image(each.turn.id):
            yield AskedPage(tokens, each.turn.id)
            continue
        for page in matches.pages:
            body = page.record.body
            shown = any(span.turn == each.turn.id for span in page.record.spans)
            if shown and isinstance(body, VisionTokens) and reader.takes(body.data):
                yield AskedPage(body.data, each.turn.id)


def _newest(recaller: Recaller) -> Iterator[AskedPage]:
    left = PAGES
    for turn in reversed(recaller.ids()):
        tokens = recaller.records.image(turn) if image_key(turn) else None
        if tokens:
            yield AskedPage(tokens, turn)
            left -= 1
        if not left:
            return
