"""An `.omem` file written anew by another model: what was exact stays exact, what was doubtful
stays marked.

If both models draw pages alike, page by page as they are; else as text, cut into pages anew.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimem.errors import FormatError
from optimem.omem.container import format_errors
from optimem.omem.corrections import DIGEST, Corrections, find_corrections, proven, text_digest
from optimem.omem.text import BATCH, UNCERTAIN, TextPage, TokenFile
from optimem.protocols import Cells, PageCodec, Progress, ReadCells, Reading, Renderer

NO_DIGEST = bytes(DIGEST)
"""The digest of a text that cannot be proved, because it was cut out of one that was not exact."""


class OldPage(NamedTuple):
    """A page as it was read. `exact`: its digest proves it."""

    cells: ReadCells
    reading: Reading
    exact: bool
    digest: bytes


class _NewPage(NamedTuple):
    cells: ReadCells
    digest: bytes


def spread(cells: Cells, probability: NDArray[np.float32], renderer: Renderer) -> ReadCells:
    """Cells that spell a text, each as probable as its character; role marks and filling are
    certain. `probability`: of the characters. Raises FormatError if the cells spell another
    number of characters."""
    certainty = np.ones(len(cells), np.float32)
    starts = renderer.text(ReadCells(cells, certainty)).cell
    if len(starts) != len(probability):
        raise FormatError(
            f"{len(probability)} characters were read, of which this model's pages show "
            f"{len(starts)}; the page is left as it is"
        )
    if len(starts):
        certainty[starts[0] :] = np.repeat(probability, np.diff(starts, append=len(cells)))
    return ReadCells(cells, certainty)


def reencode_file(
    file: TokenFile, reader: PageCodec, codec: PageCodec, progress: Progress | None = None
) -> TokenFile:
    """The file with every page written by `codec`, at its tier. `reader`: of the model that wrote
    it. Raises what `Decoder.read` does."""
    old = list(_read(file, reader))
    same = reader.renderer.version == codec.renderer.version
    new = [_as_it_is(page) for page in old] if same else _cut_anew(old, codec.renderer)
    pages = list(_written(new, file, codec, progress))
    complete = all(page.exact for page in old)
    return TokenFile(pages, file.tier, codec.encoder.fingerprint, complete)


def _read(file: TokenFile, reader: PageCodec) -> Iterator[OldPage]:
    for start in range(0, len(file.pages), BATCH):
        batch = file.pages[start : start + BATCH]
        decoded = reader.decoder.read([page.tokens for page in batch])
        for page, read in zip(batch, decoded, strict=True):
            with format_errors("the corrections of a page"):
                found = Corrections.unpack(page.corrections, page.tokens.cells)
            cells = found.apply(read)
            reading, exact = proven(reader.renderer.text(cells), page.digest, file.complete)
            yield OldPage(cells, reading, exact, page.digest)


def _as_it_is(page: OldPage) -> _NewPage:
    """The same cells, as certain as their characters."""
    probability = page.cells.probability.copy()
    if page.exact:
        probability[:] = 1
    else:
        starts = page.reading.cell
        probability[starts] = np.minimum(probability[starts], page.reading.probability)
    return _NewPage(ReadCells(page.cells.ids, probability), page.digest)


def _cut_anew(old: Sequence[OldPage], renderer: Renderer) -> list[_NewPage]:
    """The text of all pages on pages of another renderer."""
    cells = renderer.cells("".join(page.reading.text for page in old))
    drawn = spread(cells, np.concatenate([page.reading.probability for page in old]), renderer)
    exact = [np.full(len(page.reading.text), page.exact, np.float32) for page in old]
    proved = spread(cells, np.concatenate(exact), renderer).probability
    pages, start = list[_NewPage](), 0
    while start < len(cells):
        end = start + renderer.split(cells[start:], renderer.capacity)
        page = ReadCells(cells[start:end], drawn.probability[start:end])
        digest = text_digest(renderer.text(page).text) if proved[start:end].all() else NO_DIGEST
        pages.append(_NewPage(page, digest))
        start = end
    return pages


def _written(
    pages: Sequence[_NewPage], file: TokenFile, codec: PageCodec, progress: Progress | None
) -> Iterator[TextPage]:
    for start in range(0, len(pages), BATCH):
        batch = pages[start : start + BATCH]
        drawn = [codec.renderer.page(page.cells.ids) for page in batch]
        encoded = codec.encoder.encode(drawn, file.tier)
        for page, tokens, read in zip(batch, encoded, codec.decoder.read(encoded), strict=True):
            every = np.ones(len(page.cells.ids), np.bool_)
            found = find_corrections(page.cells, read, every, UNCERTAIN)
            yield TextPage(tokens, found.pack(len(every)), page.digest)
        if progress:
            progress(start + len(batch), len(pages))
