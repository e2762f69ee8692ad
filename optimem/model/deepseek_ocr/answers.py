"""Answers about images, whole and as they are written. Knows neither models nor servers."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from optimem.model.deepseek_ocr.generation import FinishReason, GenerationSettings
from optimem.model.deepseek_ocr.grounding import GroundedText, GroundedTextStream, parse_grounding
from optimem.model.deepseek_ocr.stored_tokens import StoredPage


class AnswerPiece(NamedTuple):
    """Text of one or more tokens. `probability`: of the least likely of them; NaN from a server
    that does not give it."""

    text: str
    probability: float

    def marked(self, uncertain: float) -> str:
        """The text, between ⟦ and ⟧ if it is less likely than `uncertain`."""
        return f"⟦{self.text}⟧" if self.probability < uncertain else self.text


@dataclass(frozen=True)
class PageAnswer:
    """A model's answer about an image. `mode`: in which the image was encoded. `finish`: why the
    answer ended; only END is complete. `width`, `height`: of the image in pixels."""

    pieces: tuple[AnswerPiece, ...]
    mode: str
    finish: FinishReason
    width: int
    height: int

    @property
    def text(self) -> str:
        """The answer as the model wrote it, with its marks."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def probability(self) -> float:
        """Mean over its pieces; 0 for an empty answer."""
        return sum(p.probability for p in self.pieces) / len(self.pieces) if self.pieces else 0.0

    @property
    def complete(self) -> bool:
        """Whether the model ended the answer by itself."""
        return self.finish is FinishReason.END

    @property
    def grounded(self) -> GroundedText:
        """The answer without its marks, and the regions it names."""
        return parse_grounding(self.text, self.width, self.height)

    def marked(self, uncertain: float = 0.5) -> str:
        """The answer with pieces less likely than `uncertain` between ⟦ and ⟧."""
        return "".join(piece.marked(uncertain) for piece in self.pieces)


class PageReader(Protocol):
    """Answers about stored pages: a checkpoint in this process, or a server."""

    @property
    def fingerprint(self) -> str:
        """Of the encoder whose tokens it takes."""

    def check(self, fingerprint: str, what: str) -> None:
        """Raise FingerprintError unless it takes tokens with a fingerprint. `what`: they are."""

    def salted(self, salt: str) -> "PageReader":
        """The same, which shares what a server keeps of pages with the same salt alone."""

    def answer(
        self,
        pages: Sequence[StoredPage],
        prompt: str,
        settings: GenerationSettings | None = None,
    ) -> list[PageAnswer]:
        """The answers about stored pages to one prompt."""

    def answer_together(
        self, pages: Sequence[StoredPage], prompt: str, settings: GenerationSettings | None = None
    ) -> PageAnswer:
        """The one answer about several stored pages, to a prompt with an `<image>` for each."""

    def streams(
        self,
        pages: Iterable[StoredPage],
        prompt: str,
        settings: GenerationSettings | None = None,
    ) -> "Iterator[AnswerStream]":
        """The answer about each page, in order, as it is written."""


StreamItem = AnswerPiece | FinishReason
"""What a source of a stream gives: pieces, and last why there are no more."""


class _Written:
    """What has been written of an answer about a page."""

    def __init__(self, page: StoredPage) -> None:
        self._page, self._pieces = page, list[AnswerPiece]()
        self._finish = FinishReason.CANCELLED

    @property
    def answer(self) -> PageAnswer:
        """The answer as far as it was written; CANCELLED until it has ended."""
        page = self._page
        return PageAnswer(tuple(self._pieces), page.mode, self._finish, page.width, page.height)

    def _take(self, item: StreamItem) -> AnswerPiece | None:
        if isinstance(item, FinishReason):
            self._finish = item
            return None
        self._pieces.append(item)
        return item


class AnswerStream(_Written):
    """An answer piece by piece, to be iterated over once. `answer`: all of it, afterwards."""

    def __init__(self, source: Iterator[StreamItem], page: StoredPage) -> None:
        super().__init__(page)
        self._source = source

    def __iter__(self) -> Iterator[AnswerPiece]:
        for item in self._source:
            if piece := self._take(item):
                yield piece

    def texts(self) -> Iterator[str]:
        """The text without its marks, as soon as it is certain; together `grounded.text`."""
        certain = GroundedTextStream()
        for piece in self:
            yield certain.feed(piece.text)
        yield certain.end()

    def finish(self) -> PageAnswer:
        """The answer, once all of it is written."""
        for _ in self:
            pass
        return self.answer


class AsyncAnswerStream(_Written):
    """Async twin of `AnswerStream`."""

    def __init__(self, source: AsyncIterator[StreamItem], page: StoredPage) -> None:
        super().__init__(page)
        self._source = source

    async def __aiter__(self) -> AsyncIterator[AnswerPiece]:
        async for item in self._source:
            if piece := self._take(item):
                yield piece

    async def finish(self) -> PageAnswer:
        """The answer, once all of it is written."""
        async for _ in self:
            pass
        return self.answer
