"""Text for DeepSeek-OCR: ruled pages to stored vision tokens, and back by reading them.

The encoder and decoder of a memory, a text file or an evaluation that uses the released model
instead of `optimem-nano`. What the model reads is free text; `alignment` lays it into the cells.
Importing this module loads neither torch nor the model; the first page does.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from pydantic import TypeAdapter

from optimem.model.deepseek_ocr.alignment import (
    ReadText,
    RowOutline,
    align,
    check_outlines,
    outline_rows,
)
from optimem.model.deepseek_ocr.prompts import FREE_OCR
from optimem.omem.container import (
    ContainerKind,
    compress,
    container_kind,
    decompress,
    from_json,
    pack_container,
    to_json,
    unpack_container,
)
from optimem.protocols import Page, ReadCells, VisionTokens, check_fingerprint
from optimem.renderers.ruled import RULED_VERSION
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.answers import PageAnswer, PageReader
    from optimem.model.deepseek_ocr.reader import DeepSeekReader
    from optimem.model.deepseek_ocr.stored_tokens import StoredPage

BATCH = 8
"""Pages that are read together, and encoded together on a GPU."""
SPARE_TOKENS = 64
"""Tokens that an answer may have beyond one for each cell."""

_OUTLINES = TypeAdapter(list[RowOutline])


class DeepSeekPages:
    """Encodes and reads ruled pages. `load` makes the model's reader; it is called once, when
    first needed. `packing`: how the values of vision tokens are stored, see `Packing`. `answers`:
    makes what reads them in its place, such as a server; the checkpoint is then needed only to
    encode."""

    def __init__(
        self,
        load: "Callable[[], DeepSeekReader]",
        packing: str = "int8",
        answers: "Callable[[], PageReader] | None" = None,
    ) -> None:
        self._load, self.packing, self._answers = load, packing, answers

    @cached_property
    def reader(self) -> "DeepSeekReader":
        """The checkpoint that encodes. Raises FingerprintError if it is not the one that reads."""
        loaded = self._load()
        if self._answers:
            self.answers.check(loaded.fingerprint, "the pages that are to be written")
        return loaded

    @cached_property
    def answers(self) -> "PageReader":
        """What reads."""
        return self._answers() if self._answers else self.reader

    @property
    def fingerprint(self) -> str:
        """Names the checkpoint's encoder and the renderer."""
        return f"{self.answers.fingerprint}-{RULED_VERSION}"

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        """The vision tokens of each page, with the outlines of its rows."""
        from optimem.model.deepseek_ocr.images import Mode, page_image

        batch = 1 if self.reader.device.type == "cpu" else BATCH
        mode = Mode(tier.label, tier.value)
        encoded: list[VisionTokens] = []
        for start in range(0, len(pages), batch):
            drawn = pages[start : start + batch]
            stored = self.reader.encode([page_image(page.image(tier)) for page in drawn], mode)
            encoded += [
                self._vision_tokens(page, tier, tokens)
                for page, tokens in zip(drawn, stored, strict=True)
            ]
        return encoded

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """The cells of each page. Raises FingerprintError for tokens of another encoder and
        ChecksumError for damaged ones."""
        from optimem.model.deepseek_ocr.generation import GenerationSettings

        found: list[ReadCells] = []
        pages = [self.unpack(page) for page in tokens]
        for start in range(0, len(pages), BATCH):
            batch = pages[start : start + BATCH]
            cells = max(page.cells for page in tokens[start : start + BATCH])
            settings = GenerationSettings(limit=cells + SPARE_TOKENS)
            answers = self.answers.answer([page for page, _ in batch], FREE_OCR, settings)
            found += [
                align(_read_text(answer), outlines)
                for answer, (_, outlines) in zip(answers, batch, strict=True)
            ]
        return found

    def unpack(self, tokens: VisionTokens) -> "tuple[StoredPage, list[RowOutline]]":
        """A page's stored tokens and the outlines of its rows. Errors as `read`."""
        check_fingerprint(tokens.fingerprint, self.fingerprint)
        return unpack_ruled_page(tokens.data, tokens.cells)

    def _vision_tokens(self, page: Page, tier: Tier, tokens: "StoredPage") -> VisionTokens:
        data = pack_ruled_page(tokens, outline_rows(page.cells), self.packing)
        return VisionTokens(tier, len(page.cells), self.fingerprint, data)


def pack_ruled_page(page: "StoredPage", outlines: Sequence[RowOutline], packing: str) -> bytes:
    """A page's tokens and the outlines of its rows as a container."""
    from optimem.model.deepseek_ocr.stored_tokens import Packing

    sections = [compress(to_json(outlines)), *page.to_sections(Packing(packing))]
    return pack_container(ContainerKind.RULED_PAGE, sections)


def unpack_ruled_page(data: bytes, cells: int) -> "tuple[StoredPage, list[RowOutline]]":
    """The inverse of `pack_ruled_page`, for a page of `cells` cells. Raises FormatError,
    VersionError or ChecksumError."""
    from optimem.model.deepseek_ocr.stored_tokens import StoredPage

    with unpack_container(ContainerKind.RULED_PAGE, data) as (packed, *sections):
        outlines = from_json(_OUTLINES, decompress(packed))
        check_outlines(outlines, cells)
        return StoredPage.from_sections(sections), outlines


def is_ruled(fingerprint: str) -> bool:
    """Whether a fingerprint is that of ruled pages, of whatever checkpoint."""
    return fingerprint.endswith(f"-{RULED_VERSION}")


def stored_page(data: bytes) -> "StoredPage":
    """The stored tokens of an image or of a ruled page. Raises FormatError, VersionError or
    ChecksumError."""
    from optimem.model.deepseek_ocr.stored_tokens import StoredPage

    if container_kind(data) is not ContainerKind.RULED_PAGE:
        return StoredPage.from_bytes(data)
    with unpack_container(ContainerKind.RULED_PAGE, data) as (_, *sections):
        return StoredPage.from_sections(sections)


def _read_text(answer: "PageAnswer") -> ReadText:
    probability = [piece.probability for piece in answer.pieces for _ in piece.text]
    return ReadText(answer.text, np.array(probability, np.float32))
