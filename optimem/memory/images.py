"""Images in a memory: scans and papers, read once, told as turns, and asked later from their
vision tokens alone.

The text that was read is a turn like any other: it is found by its words and fades. The vision
tokens stay as they are until the turn is forgotten, whoever forgets it.
"""

from collections.abc import Callable
from pathlib import Path

from optimem.errors import InputError
from optimem.memory.records import image_turn
from optimem.memory.scope_records import ScopeRecords
from optimem.protocols import REPLACEMENT, ImageAnswer, ImageReader
from optimem.results import AppendReport
from optimem.turns import Turn

Append = Callable[[Turn], AppendReport]


def append_images(
    records: ScopeRecords, source: Path, reader: ImageReader | None, append: Append
) -> AppendReport:
    """Remember each image of a file, once however often it is given. A image's vision tokens
    are stored before its turn: what is cut off in between is done again by the next append.
    Raises InputError without a reader and for a file that holds no image."""
    added = duplicates = 0
    for number, seen in enumerate(_checked(reader, source).look(source, _known(records)), 1):
        turn = image_turn(seen.id)
        if not seen.tokens:
            duplicates += 1
            continue
        records.put_image(turn, seen.tokens)
        text = f"{source.name}, page {number}\n{seen.text}".replace("\0", REPLACEMENT)
        report = append(Turn(text=text, role="text", id=turn))
        added, duplicates = added + report.added, duplicates + report.duplicates
    return AppendReport(added=added, duplicates=duplicates)


def ask_image(
    records: ScopeRecords, turn: str, reader: ImageReader | None, question: str
) -> ImageAnswer | None:
    """What a reader says of the image that a turn tells; None where there is no image or no
    reader, or the answer never came to an end."""
    tokens = records.image(turn) if reader else None
    said = reader.ask(tokens, question) if reader and tokens else None
    return said if said and said.complete and said.text.strip() else None


def _checked(reader: ImageReader | None, source: Path) -> ImageReader:
    if reader is None:
        raise InputError(
            f"{source} needs a model that reads images; open the memory with "
            "images='deepseek-ai/DeepSeek-OCR', or append the text"
        )
    return reader


def _known(records: ScopeRecords) -> Callable[[str], bool]:
    def known(image: str) -> bool:
        return records.turn_numbers([image_turn(image)])[0] is not None

    return known
