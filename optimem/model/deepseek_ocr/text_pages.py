"""A model's free text back to the cells of the page it was read from.

A model that reads any page says what it reads, and how long that is nobody knows before. What is
kept of each row besides its vision tokens, its `Rule`, tells how many characters are expected
of it and, by a short check, which reading of it is right; the text is cut into rows so that they
come nearest to that (dynamic programming, ends of lines and words preferred), and each row is
laid into its cells.

Text pages for DeepSeek-OCR: ruled pages to stored vision tokens, and back by reading them.

The encoder and decoder of a memory, a token file or an evaluation that is made with the released
model instead of `optimem-nano`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pydantic import NonNegativeInt, TypeAdapter

from optimem.model.deepseek_ocr.prompts import FREE_OCR
from optimem.omem.container import (
    Kind,
    compress,
    decompress,
    from_json,
    pack_container,
    to_json,
    unpack_container,
)
from optimem.protocols import REPLACEMENT, Cells, Page, ReadCells, VisionTokens, check_fingerprint
from optimem.renderers.ruled import (
    COLUMNS,
    FILL,
    LABEL_ROLES,
    RULED_VERSION,
    role_label,
    text_cells,
)
from optimem.tiers import Tier

if TYPE_CHECKING:
    from optimem.model.deepseek_ocr.reader import DeepSeekReader, PageAnswer
    from optimem.model.deepseek_ocr.stored_tokens import StoredPage

SLACK = 12  # characters by which a row's reading may be longer or shorter
INSIDE_WORD, BETWEEN_WORDS = 4.0, 1.0  # what a cut costs there; at the end of a line nothing
MISREAD, LEFT_OUT = 8.0, 20.0  # what a row costs that fails its check, or was not read
STATES = 64  # cuts that are followed up from one row to the next


class Rule(NamedTuple):
    """What is known of a row without reading it. `indent`, `ending`: white space at its start
    and end, a line's end among it. `length`: characters between; `check`: 16 bits of their
    checksum. `mark`: the cell of a role's label, 0 for none."""

    mark: int
    indent: str
    length: NonNegativeInt
    check: int
    ending: str

    @property
    def label(self) -> str:
        """What is drawn at the start and is no text."""
        return role_label(LABEL_ROLES[self.mark]) if self.mark else ""

    @property
    def expected(self) -> int:
        """Characters that a model should read of the row."""
        return len(self.label.rstrip() if not self.length else self.label) + self.length


_RULES = TypeAdapter(list[Rule])


class Said(NamedTuple):
    """What a model read: `text`, and how likely each character was, (len(text),) float32."""

    text: str
    probability: NDArray[np.float32]


States = dict[int, tuple[float, tuple[tuple[int, int], ...]]]
"""By the place in a text up to which it is cut: what that cost, and the rows' starts and ends."""


def rules_of(cells: Cells) -> list[Rule]:
    """The rules of a page's rows."""
    return [_rule(row.tolist()) for row in cells.reshape(-1, COLUMNS)]


def _rule(row: list[int]) -> Rule:
    text = "".join(chr(cell) for cell in row if cell < FILL)
    body = text.strip()
    start = text.index(body) if body else 0
    ending = text[start + len(body) :]
    mark = row[0] if row[0] in LABEL_ROLES else 0
    return Rule(mark, text[:start], len(body), _check(body), ending)


def _check(body: str) -> int:
    return crc32(body.encode("utf-8", "surrogatepass")) & 0xFFFF


def aligned(said: Said, rules: Sequence[Rule]) -> ReadCells:
    """The cells of a page, each with its probability: 1 for what is known by its rule, 0 for what
    was expected and not read."""
    parts = zip(rules, row_ends(said.text, rules), strict=True)
    rows = [_laid(rule, said, start, end) for rule, (start, end) in parts]
    ids = np.array([cell for row in rows for cell in row[0]], np.uint32)
    return ReadCells(ids, np.array([sure for row in rows for sure in row[1]], np.float32))


def _laid(rule: Rule, said: Said, start: int, end: int) -> tuple[list[int], list[float]]:
    """A row's cells and probabilities from what was read of it."""
    start += len(rule.label)
    body = _body(said.text[start:end])[: rule.length].ljust(rule.length, REPLACEMENT)
    sure = said.probability[start:end][: rule.length].tolist()
    known = [1.0] * len(rule.indent) + sure + [0.0] * (rule.length - len(sure))
    head = [rule.mark, *[FILL] * (len(rule.label) - 1)] if rule.mark else []
    cells = head + text_cells(rule.indent + body + rule.ending, len(head))
    cells = (cells + [FILL] * COLUMNS)[:COLUMNS]
    told = iter(known + [1.0] * len(rule.ending))
    return cells, [next(told) if cell < FILL else 1.0 for cell in cells]


def _body(read: str) -> str:
    return read.replace("\n", " ")


def row_ends(text: str, rules: Sequence[Rule]) -> list[tuple[int, int]]:
    """Where each row starts and ends in a text, so that they come nearest to what is expected.
    A row may be left out, and a line that belongs to none skipped."""
    states: States = {0: (0.0, ())}
    for rule in rules:
        following: States = {}
        for at, (cost, found) in _with_skips(text, states).items():
            for start, end, more in _cuts(text, at, rule):
                known = following.get(end)
                if known is None or cost + more < known[0]:
                    following[end] = (cost + more, (*found, (start, end)))
        best = sorted(following.items(), key=lambda state: state[1][0])[:STATES]
        states = dict(best)
    return list(min(states.items(), key=lambda s: s[1][0] + len(text) - s[0])[1][1])


def _with_skips(text: str, states: States) -> States:
    """The states, and those in which the rest of a line was skipped."""
    reached = dict(states)
    for at, (cost, found) in states.items():
        start = _next_ink(text, at)
        skipped = text.find("\n", start) + 1
        price = cost + skipped - start
        if skipped and (skipped not in reached or price < reached[skipped][0]):
            reached[skipped] = (price, found)
    return reached


def _cuts(text: str, at: int, rule: Rule) -> Iterator[tuple[int, int, float]]:
    """Where a row may start and end, and what that costs."""
    length = rule.expected
    yield at, at, min(length, LEFT_OUT)
    start = _next_ink(text, at)
    if not length or start == len(text):
        return
    for end in range(start + max(length - SLACK, 1), min(start + length + SLACK, len(text)) + 1):
        gap = text[end : end + 1]
        if gap.strip() and end != start + length:
            continue
        cost = float(abs(end - start - length))
        cost += 0 if gap in ("", "\n") else BETWEEN_WORDS if gap.isspace() else INSIDE_WORD
        right = _check(_body(text[start + len(rule.label) : end])) == rule.check
        yield start, end, 0.0 if right else cost + MISREAD


def _next_ink(text: str, at: int) -> int:
    return at + len(text[at:]) - len(text[at:].lstrip())


BATCH = 8  # pages that are read together
SPARE = 64  # tokens that an answer may have beyond one for each cell


class DeepSeekPages:
    """Encodes and reads ruled pages. `load` makes the reader, once, when it is first needed;
    until then torch is not loaded either. `packing`: how vision tokens are kept, see `Packing`.
    """

    def __init__(self, load: "Callable[[], DeepSeekReader]", packing: str = "int8") -> None:
        self._load, self.packing = load, packing

    @cached_property
    def reader(self) -> "DeepSeekReader":
        """The checkpoint that encodes and reads."""
        return self._load()

    @property
    def fingerprint(self) -> str:
        """Names the checkpoint's encoder and the renderer."""
        return f"{self.reader.fingerprint}-{RULED_VERSION}"

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        """One `VisionTokens` a page: its stored tokens, and the rules of its rows."""
        from optimem.model.deepseek_ocr.images import Mode, drawn_image

        at_once = 1 if self.reader.device.type == "cpu" else BATCH
        found: list[VisionTokens] = []
        for start in range(0, len(pages), at_once):
            batch = pages[start : start + at_once]
            images = [drawn_image(page.image(tier)) for page in batch]
            seen = self.reader.encode(images, Mode(tier.label, tier.value))
            found += map(self._packed, batch, seen)
        return found

    def _packed(self, page: Page, seen: "StoredPage") -> VisionTokens:
        data = pack_ruled_page(seen, rules_of(page.cells), self.packing)
        return VisionTokens(Tier.parse(seen.mode), len(page.cells), self.fingerprint, data)

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """The cells of each page. Raises FingerprintError for tokens of another encoder and
        ChecksumError for damaged ones."""
        from optimem.model.deepseek_ocr.generation import Settings

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

    def opened(self, token: VisionTokens) -> "tuple[StoredPage, list[Rule]]":
        """A page's stored tokens and the rules of its rows. Errors as `read`."""
        check_fingerprint(token.fingerprint, self.fingerprint)
        return unpack_ruled_page(token.data, token.cells)


def pack_ruled_page(page: "StoredPage", rules: Sequence[Rule], packing: str) -> bytes:
    """A page's tokens and the rules of its rows as a container."""
    from optimem.model.deepseek_ocr.stored_tokens import Packing

    sections = [compress(to_json(rules)), *page.to_sections(Packing(packing))]
    return pack_container(Kind.RULED_PAGE, sections)


def unpack_ruled_page(data: bytes, cells: int) -> "tuple[StoredPage, list[Rule]]":
    """The inverse of `pack_ruled_page` for a page of `cells` cells. Raises FormatError,
    VersionError or ChecksumError."""
    from optimem.model.deepseek_ocr.stored_tokens import StoredPage

    with unpack_container(Kind.RULED_PAGE, data) as (packed, *sections):
        rules = from_json(_RULES, decompress(packed))
        _check_rules(rules, cells)
        return StoredPage.from_sections(sections), rules


def _check_rules(rules: Sequence[Rule], cells: int) -> None:
    """Raises ValueError if the rows of a page of `cells` cannot have these rules."""
    if len(rules) * COLUMNS != cells:
        raise ValueError(f"{len(rules)} rows stand for {cells} cells")
    for rule in rules:
        if rule.mark and rule.mark not in LABEL_ROLES:
            raise ValueError(f"{rule.mark} is the label of no role")
        if len(rule.indent) + rule.length + len(rule.ending) > COLUMNS:
            raise ValueError(f"a row holds more than {COLUMNS} characters")


def _said(answer: "PageAnswer") -> Said:
    sure = [piece.probability for piece in answer.pieces for _ in piece.text]
    return Said(answer.text, np.array(sure, np.float32))
