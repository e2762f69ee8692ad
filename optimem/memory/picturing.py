"""Pictures in a memory: scans and papers, read once, told as turns, and asked later from their
vision tokens alone.

The text that was read is a turn like any other: it is found by its words and fades. The vision
tokens stay as they are until the turn is forgotten, whoever forgets it.
"""

from collections.abc import Callable
from pathlib import Path

from optimem import keys
from optimem.errors import InputError
from optimem.memory.shelf import Shelf
from optimem.protocols import REPLACEMENT, Change, PictureReader, Said
from optimem.results import AppendReport
from optimem.turns import Turn

Append = Callable[[Turn], AppendReport]


def append_pictures(
    shelf: Shelf, source: Path, reader: PictureReader | None, append: Append
) -> AppendReport:
    """Remember each picture of a file, once however often it is given. A picture's vision tokens
    are stored before its turn: what is cut off in between is done again by the next append.
    Raises InputError without a reader and for a file that holds no picture."""
    added = duplicates = 0
    for number, seen in enumerate(_checked(reader, source).look(source, _known(shelf)), 1):
        turn = keys.picture_turn(seen.id)
        key = keys.picture_key(turn)
        if key is None or not seen.tokens:
            duplicates += 1
            continue
        shelf.store.commit(shelf.scope, [Change(key, seen.tokens)])
        text = f"{source.name}, page {number}\n{seen.text}".replace("\0", REPLACEMENT)
        report = append(Turn(text=text, role="text", id=turn))
        added, duplicates = added + report.added, duplicates + report.duplicates
    return AppendReport(added=added, duplicates=duplicates)


def asked_of_picture(
    shelf: Shelf, turn: str, reader: PictureReader | None, question: str
) -> Said | None:
    """What a reader says of the picture that a turn tells; None where there is no picture or no
    reader, or the answer never came to an end."""
    key = keys.picture_key(turn)
    if reader is None or key is None:
        return None
    (entry,) = shelf.store.get(shelf.scope, [key])
    said = reader.ask(entry.value, question) if entry else None
    return said if said and said.complete and said.text.strip() else None


def _checked(reader: PictureReader | None, source: Path) -> PictureReader:
    if reader is None:
        raise InputError(
            f"{source} needs a model that reads pictures; open the memory with "
            "pictures='deepseek-ai/DeepSeek-OCR', or append the text"
        )
    return reader


def _known(shelf: Shelf) -> Callable[[str], bool]:
    def known(picture: str) -> bool:
        return shelf.turn_numbers([keys.picture_turn(picture)])[0] is not None

    return known
