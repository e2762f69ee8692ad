"""Text pages for DeepSeek-OCR: ruled pages to stored vision tokens, and back by reading them.

The encoder and decoder of a memory, a token file or an evaluation that is made with the released
model instead of `optimem-nano`.
"""

import json
from collections.abc import Sequence

import numpy as np

from optimem.errors import FingerprintError
from optimem.framing import frame, squeeze, understood, unframe, unsqueeze
from optimem.model.deepseek_ocr.alignment import Rule, Said, aligned, rules_of
from optimem.model.deepseek_ocr.generation import Settings
from optimem.model.deepseek_ocr.modes import Mode
from optimem.model.deepseek_ocr.pictures import drawn_picture
from optimem.model.deepseek_ocr.prompts import FREE_OCR
from optimem.model.deepseek_ocr.reader import DeepSeekReader, PageAnswer
from optimem.model.deepseek_ocr.stored import Packing, StoredPage
from optimem.protocols import Page, ReadCells, VisionTokens
from optimem.renderers.ruled import RULED_VERSION
from optimem.tiers import Tier

KIND = b"R"
BATCH = 8  # pages that are read together
SPARE = 64  # tokens that an answer may have beyond one for each cell


class DeepSeekPages:
    """Encodes and reads ruled pages, by default with vision tokens kept as int8."""

    def __init__(self, reader: DeepSeekReader, packing: Packing = Packing.INT8) -> None:
        self.reader, self.packing = reader, packing
        self.fingerprint = f"{reader.fingerprint}-{RULED_VERSION}"

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        """One `VisionTokens` a page: its stored tokens, and the rules of its rows."""
        at_once = 1 if self.reader.device.type == "cpu" else BATCH
        found: list[VisionTokens] = []
        for start in range(0, len(pages), at_once):
            batch = pages[start : start + at_once]
            pictures = [drawn_picture(page.image(tier)) for page in batch]
            seen = self.reader.encode(pictures, Mode(tier.label, tier.value))
            found += map(self._packed, batch, seen)
        return found

    def _packed(self, page: Page, seen: StoredPage) -> VisionTokens:
        ruling = squeeze(json.dumps(rules_of(page.cells)).encode())
        data = frame(KIND, [ruling, seen.to_bytes(self.packing)])
        return VisionTokens(Tier.parse(seen.mode), len(page.cells), self.fingerprint, data)

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """The cells of each page. Raises FingerprintError for tokens of another encoder and
        ChecksumError for damaged ones."""
        opened = [self.opened(token) for token in tokens]
        found: list[ReadCells] = []
        for start in range(0, len(opened), BATCH):
            batch = opened[start : start + BATCH]
            longest = max(token.cells for token in tokens[start : start + BATCH])
            settings = Settings(limit=longest + SPARE)
            answers = self.reader.answer([page for page, _ in batch], FREE_OCR, settings)
            found += [
                aligned(_said(answer), rules)
                for answer, (_, rules) in zip(answers, batch, strict=True)
            ]
        return found

    def opened(self, token: VisionTokens) -> tuple[StoredPage, list[Rule]]:
        """A page's stored tokens and the rules of its rows. Errors as `read`."""
        if token.fingerprint != self.fingerprint:
            raise FingerprintError(
                f"these vision tokens were written by {token.fingerprint!r}, the model here is "
                f"{self.fingerprint!r}; read them with the model that wrote them"
            )
        ruling, stored = unframe(KIND, token.data)
        with understood("the rules of a page"):
            rules = [Rule(*fields) for fields in json.loads(unsqueeze(ruling))]
        return StoredPage.from_bytes(stored), rules


def _said(answer: PageAnswer) -> Said:
    sure = [piece.probability for piece in answer.pieces for _ in piece.text]
    return Said(answer.text, np.array(sure, np.float32))
