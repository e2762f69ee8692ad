"""What a worker does, wherever it runs: documents to the bytes of `.omem` files.

Texts of a batch share the batches of the model, so that short documents cost no more than long
ones. What is wrong with one document is told of it alone. Knows neither how workers are run nor
where their results go.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from optimem import build
from optimem.api.files import compress_images
from optimem.corpus.documents import Document, digest, read_content
from optimem.errors import InputError, OptimemError
from optimem.memory.decay import DecayPolicy
from optimem.model import DEEPSEEK, NANO
from optimem.omem.images import ImageArchive
from optimem.omem.text import TokenFile, paginate, write_pages
from optimem.protocols import PageCodec
from optimem.text.files import decode_text, holds_images
from optimem.text.keeping import Keep, kept_cells
from optimem.tiers import Tier
from optimem.turns import checked_text

TEXT, IMAGES = "text", "images"
"""Kinds of documents."""
Settings = dict[str, dict[str, str]]
"""How documents of each kind are encoded: names and values."""
BATCH_DOCUMENTS, BATCH_BYTES = 16, 1 << 17
"""Most documents that a worker gets at once, and about how many bytes of them; at least one."""


@dataclass(frozen=True)
class Recipe:
    """How documents are encoded. `model`, `tier`: of text, as in `optimem.compress`; `images`,
    `mode`, `packing`: as in `optimem.compress_images`, `images` default `model`. `codec`: in place
    of `model`, a function that makes a codec in the worker."""

    model: str = NANO
    tier: Tier = Tier.SMALL
    images: str | None = None
    mode: str = "base"
    packing: str = "int8"
    codec: Callable[[], PageCodec] | None = None

    @property
    def image_model(self) -> str:
        """The model for images and PDFs, which may be one that cannot read them."""
        return self.images or self.model

    def settings(self) -> Settings:
        """What all documents of a kind have in common, by kind."""
        images = {"model": self.image_model, "mode": self.mode, "packing": self.packing}
        return {TEXT: {"model": self.model, "tier": self.tier.label}, IMAGES: images}


class Task(NamedTuple):
    """A document to encode. `known`: the digest of the content that the corpus holds of it, empty
    if it holds none."""

    document: Document
    known: str


class Outcome(NamedTuple):
    """What became of a task. `digest`: of its content. `data`: its `.omem` file, empty if the
    content was `known`, or for a `reason` why it could not be encoded. `kind`: text or images;
    `encoder`: the fingerprint; `pages`: how many."""

    id: str
    mark: str
    digest: str = ""
    data: bytes = b""
    kind: str = TEXT
    encoder: str = ""
    pages: int = 0
    reason: str = ""


class CorpusEncoder:
    """Encodes batches of tasks. Making one loads the model; raises what that raises."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._codec = recipe.codec() if recipe.codec else build.named_codec(recipe.model)
        self._fingerprint = self._codec.encoder.fingerprint
        if recipe.images:
            build.deepseek_reader(recipe.images)

    def encode(self, tasks: Sequence[Task]) -> list[Outcome]:
        """An outcome for each task, in some order."""
        done, texts = [], list[tuple[Outcome, str]]()
        for task in tasks:
            found = self._prepared(task)
            if isinstance(found, Outcome):
                done.append(found)
            else:
                texts.append(found)
        return done + self._texts(texts)

    def _prepared(self, task: Task) -> "Outcome | tuple[Outcome, str]":
        """A finished outcome, or one whose text is still to be encoded."""
        document, outcome = task.document, Outcome(task.document.id, task.document.mark)
        try:
            content = read_content(document)
            outcome = outcome._replace(digest=digest(content))
            if document.place and outcome.digest != document.mark:
                raise InputError("its list was changed while it was read; run again")
            if outcome.digest == task.known:
                return outcome
            if document.place is None and holds_images(content):
                return self._images(outcome, content, Path(document.file).suffix)
            return outcome, _text(content)
        except (OptimemError, OSError) as error:
            return outcome._replace(reason=str(error))

    def _images(self, outcome: Outcome, content: bytes, suffix: str) -> Outcome:
        """The images of a document, from the very bytes that its digest is of."""
        recipe = self._recipe
        if recipe.image_model == NANO:
            raise InputError(
                f"it holds images, which {NANO} cannot read; name a model that does (--images "
                f"{DEEPSEEK}, or its folder)"
            )
        with TemporaryDirectory() as folder:
            source, out = Path(folder, f"document{suffix}"), Path(folder, "out.omem")
            source.write_bytes(content)
            try:
                compress_images(
                    source, out, model=recipe.image_model, mode=recipe.mode,
                    packing=recipe.packing,
                )  # fmt: skip
            except InputError as error:
                raise InputError(str(error).replace(str(source), "it")) from error
            found = ImageArchive.load(out)
            return outcome._replace(
                data=out.read_bytes(), kind=IMAGES, encoder=found.fingerprint,
                pages=len(found.pages),
            )  # fmt: skip

    def _texts(self, texts: Sequence[tuple[Outcome, str]]) -> list[Outcome]:
        """Texts encoded together, or, if that fails, each alone, to find whose fault it is."""
        try:
            files = list(encode_texts([text for _, text in texts], self._recipe.tier, self._codec))
        except Exception as error:  # whatever a document does to a model, the others are encoded
            if len(texts) == 1:
                reason = f"{type(error).__name__}: {error}"
                return [texts[0][0]._replace(reason=reason)]
            return [outcome for each in texts for outcome in self._texts([each])]
        return [
            outcome._replace(data=file.to_bytes(), encoder=self._fingerprint, pages=len(file.pages))
            for (outcome, _), file in zip(texts, files, strict=True)
        ]


class Answer(NamedTuple):
    """What a worker answers to a batch. `error`: why it cannot encode anything."""

    outcomes: list[Outcome]
    error: OptimemError | None = None

    def checked(self) -> list[Outcome]:
        """The outcomes. Raises the error if there is one."""
        if self.error:
            raise self.error
        return self.outcomes


class Worker:
    """Loads the model with its first batch, which may be empty, and encodes."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    @cached_property
    def _encoder(self) -> CorpusEncoder:
        return CorpusEncoder(self._recipe)

    def encode(self, tasks: Sequence[Task]) -> Answer:
        """The outcomes of a batch, or why there can be none."""
        try:
            encoder = self._encoder
        except OptimemError as error:
            return Answer([], error)
        return Answer(encoder.encode(tasks))


def encode_texts(texts: Sequence[str], tier: Tier, codec: PageCodec) -> Iterator[TokenFile]:
    """The file of each text, as `optimem.compress` makes it; their pages share batches."""
    keep = DecayPolicy().keep_at(tier)
    pages = [paginate(codec.renderer.cells(text), codec.renderer) for text in texts]
    written = write_pages([cells for each in pages for cells in each], tier, codec,
                          partial(kept_cells, keep=keep))  # fmt: skip
    for each in pages:
        made = [page.page for page in islice(written, len(each))]
        yield TokenFile(made, tier, codec.encoder.fingerprint, keep is Keep.ALL)


def batched(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Tasks in batches for workers, none of which is long to encode."""
    batch, size = list[Task](), 0
    for task in tasks:
        if batch and (len(batch) == BATCH_DOCUMENTS or size + task.document.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += task.document.size
    if batch:
        yield batch


def _text(content: bytes) -> str:
    text = checked_text(decode_text(content, "it", "leave it out"))
    if not text:
        raise InputError("it is empty; there is nothing to encode")
    if "\0" in text:
        raise InputError("it holds a NUL character; it is not text, leave it out")
    return text
