"""Images in a memory: each image of a file is read once and becomes a turn.

The text that was read is a turn like any other: it is found by its words and fades. The image's
vision tokens stay as they are, for questions about it, until the turn is deleted.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from optimem.errors import InputError
from optimem.memory.records.records import image_turn
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.records.word_secret import scope_salt
from optimem.protocols import ImageAnswer, ImageReader
from optimem.reports import AppendReport
from optimem.turns import Turn


def append_images(
    records: ScopeRecords,
    path: Path,
    reader: ImageReader | None,
    append: Callable[[Turn], AppendReport],
) -> AppendReport:
    """Append a turn for each image of a file that the scope does not hold yet.

    An image's vision tokens are stored before its turn, so that what is interrupted in between
    is done again by the next call. Raises InputError without a reader and for a file without
    images.
    """
    if reader is None:
        raise InputError(
            f"{path} needs a model that reads images; open the memory with "
            "images='deepseek-ai/DeepSeek-OCR', or append the text"
        )

    def known(image: str) -> bool:
        return records.turn_numbers([image_turn(image)])[0] is not None

    added = duplicates = forgotten = 0
    for number, image in enumerate(reader.read(path, known), 1):
        if not image.tokens:
            duplicates += 1
            continue
        records.put_image(image_turn(image.id), image.tokens)
        text = f"{path.name}, page {number}\n{image.text}"
        report = append(Turn(text=text, role="text", id=image_turn(image.id)))
        if report.forgotten:
            records.remove_image(image_turn(image.id))
        added, duplicates = added + report.added, duplicates + report.duplicates
        forgotten += report.forgotten
    return AppendReport(added=added, duplicates=duplicates, forgotten=forgotten)


def ask_image(
    records: ScopeRecords, turn: str, reader: ImageReader | None, question: str
) -> ImageAnswer | None:
    """A reader's answer about the image of a turn. None if there is no reader, the turn has no
    image, or the answer is empty or incomplete."""
    tokens = records.image(turn) if reader else None
    return ask_pages(records, [tokens], reader, question) if reader and tokens else None


def ask_pages(
    records: ScopeRecords, pages: Sequence[bytes], reader: ImageReader, question: str
) -> ImageAnswer | None:
    """A reader's answer about some pages of a scope. None if it is empty or incomplete."""
    answer = reader.ask(pages, question, scope_salt(records.store, records.scope))
    return answer if answer.complete and answer.text.strip() else None
