"""DeepSeek-OCR as a memory's reader of pictures: files to stored tokens and text, stored tokens
to answers."""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path

from optimem.model.deepseek_ocr.generation import Settings
from optimem.model.deepseek_ocr.modes import MODES
from optimem.model.deepseek_ocr.pictures import Picture, open_pictures
from optimem.model.deepseek_ocr.prompts import MARKDOWN, ask
from optimem.model.deepseek_ocr.reader import DeepSeekReader
from optimem.model.deepseek_ocr.stored import Packing, StoredPage
from optimem.protocols import Said, Seen


class DeepSeekPictures:
    """A `PictureReader`. `mode`: in which pictures are looked at; `packing`: how their tokens are
    kept, see `Packing`; `settings`: of the generation."""

    def __init__(
        self,
        reader: DeepSeekReader,
        *,
        mode: str = "base",
        packing: Packing = Packing.INT8,
        settings: Settings | None = None,
    ) -> None:
        self.reader, self.mode = reader, MODES[mode]
        self.packing, self.settings = packing, settings

    def look(self, source: Path, known: Callable[[str], bool]) -> Iterator[Seen]:
        """See `PictureReader`; read as Markdown."""
        for picture in open_pictures(source):
            name = picture_id(picture)
            if known(name):
                yield Seen(name, b"", "")
                continue
            page, answer = self.reader.seen(picture, MARKDOWN, self.mode.name, self.settings)
            yield Seen(name, page.to_bytes(self.packing), answer.grounded.text)

    def ask(self, tokens: bytes, question: str) -> Said:
        """See `PictureReader`."""
        page = StoredPage.from_bytes(tokens)
        (answer,) = self.reader.answer([page], ask(question), self.settings)
        sure = [piece.probability for piece in answer.pieces]
        mean = sum(sure) / len(sure) if sure else 0.0
        return Said(answer.grounded.text, mean, answer.complete)


def picture_id(picture: Picture) -> str:
    """24 hex digits of a hash of the pixels."""
    size = ",".join(map(str, picture.size)).encode()
    return blake2b(size + picture.tobytes(), digest_size=12).hexdigest()
