"""The seams: what a renderer, an encoder, a decoder, a reader of images and a store must do.

Implementations live in `renderers/`, `model/` and `store/`; only `build` knows which ones are in
use. A page is a sequence of *cells*: numbered symbols in reading order, one for each box of a fixed
grid, so that every character has its place on every tier. Some symbols stand for no text, such as
the blank end of a row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from optimem.errors import FingerprintError
from optimem.tiers import Tier
from optimem.turns import Role, Scope

REPLACEMENT = "\ufffd"
"""In place of a character that cannot be read with certainty."""

Cells = NDArray[np.unsignedinteger[Any]]
"""Symbol ids in reading order, (N,); only the renderer knows what they mean."""


class Box(NamedTuple):
    """A rectangle on a tier's page image, in pixels; `left` and `top` are inside it, `right` and
    `bottom` outside."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Reading:
    """Text read from cells. `probability` (len(text),) float32: that each character is right;
    `cell` (len(text),) int64: the first cell of each character."""

    text: str
    probability: NDArray[np.float32]
    cell: NDArray[np.int64]

    def marked(self, uncertain: float) -> str:
        """The text with U+FFFD for each character less probable than `uncertain`."""
        certain = self.probability >= uncertain
        if certain.all():
            return self.text
        pairs = zip(self.text, certain.tolist(), strict=True)
        return "".join(char if kept else REPLACEMENT for char, kept in pairs)


@dataclass(frozen=True)
class VisionTokens:
    """A page as stored: `tier`, number of `cells` in use, the encoder's `fingerprint`, and
    `data`, the quantised and entropy-coded tokens."""

    tier: Tier
    cells: int
    fingerprint: str
    data: bytes


def check_fingerprint(found: str, expected: str, what: str = "these vision tokens") -> None:
    """Raise FingerprintError unless the encoder that wrote `what` is the `expected` one."""
    if found != expected:
        raise FingerprintError(
            f"{what} were written by {found!r}, the model here is {expected!r}; read them with the "
            "model that wrote them (--model), or, if they hold text, have them written anew by the "
            "one here (`optimem reencode`)"
        )


@dataclass(frozen=True)
class ReadCells:
    """Cells as a decoder read them: symbol `ids` (N,) and the `probability` (N,) float32 that each
    is right."""

    ids: Cells
    probability: NDArray[np.float32]


class Page(Protocol):
    """One drawn page."""

    @property
    def cells(self) -> Cells:
        """Its symbols, at most the renderer's capacity."""

    def image(self, tier: Tier) -> NDArray[np.uint8]:
        """The page at a tier's size, (S, S): 0 is blank, 255 is ink."""


class Renderer(Protocol):
    """Text to cells to pages, and back. One `version` always draws the same bytes."""

    @property
    def version(self) -> str:
        """Differs from every version that draws the same cells differently."""

    @property
    def capacity(self) -> int:
        """Cells of a full page."""

    def cells(self, text: str, role: Role | None = None) -> Cells:
        """The cells that spell `text`, after a mark for the role if one is given. Lossless:
        characters outside the alphabet are spelled in several cells."""

    def split(self, cells: Cells, room: int) -> int:
        """The largest n ≤ room such that cells[:n] does not end inside a character."""

    def text(self, read: ReadCells) -> Reading:
        """The text that cells spell, role marks left out. What is left of a character
        of several cells becomes one U+FFFD with probability 0."""

    def page(self, cells: Cells) -> Page:
        """The page with these cells, at most `capacity`."""

    def box(self, cell: int, tier: Tier) -> Box:
        """The box of a cell on a tier's page image."""


class Encoder(Protocol):
    """Pages to vision tokens."""

    @property
    def fingerprint(self) -> str:
        """Names weights and renderer; only the encoder that wrote tokens can read them."""

    def encode(self, pages: Sequence[Page], tier: Tier) -> list[VisionTokens]:
        """The `VisionTokens` of each page."""


class Decoder(Protocol):
    """Vision tokens to cells."""

    def read(self, tokens: Sequence[VisionTokens]) -> list[ReadCells]:
        """The `ReadCells` of each page; tiers may be mixed. Raises FingerprintError for tokens of
        another encoder and ChecksumError for damaged ones."""


class PageCodec(NamedTuple):
    """Text to a page's vision tokens and back. Encoder and decoder are often one object."""

    renderer: Renderer
    encoder: Encoder
    decoder: Decoder


Progress = Callable[[int, int], None]
"""Called with the number of parts done and of all parts."""


class ImageReading(NamedTuple):
    """An image as it was read. `id`: made from its pixels. `tokens`: its vision tokens as bytes.
    `text`: what is on it. Both are empty for an image that was known."""

    id: str
    tokens: bytes
    text: str


class ImageAnswer(NamedTuple):
    """An answer about an image. `probability`: mean over the answer's tokens. `complete`: the
    model ended it, rather than a limit."""

    text: str
    probability: float
    complete: bool


class ImageReader(Protocol):
    """Reads any image and answers questions from its vision tokens alone."""

    def read(self, path: Path, known: Callable[[str], bool]) -> Iterator[ImageReading]:
        """Each image of a file, such as the pages of a PDF in order. An image whose id is `known`
        is not read again. Raises InputError for a file without images."""

    def takes(self, tokens: bytes) -> bool:
        """Whether these are vision tokens of its kind of model, of an image or of a text page."""

    def ask(self, pages: Sequence[bytes], question: str, salt: str = "") -> ImageAnswer:
        """The one answer from the vision tokens of one or several pages. `salt`: what a server
        keeps of them serves requests with the same salt alone. Raises FingerprintError for tokens
        of another encoder and ChecksumError for damaged ones."""


class Entry(NamedTuple):
    """A stored value: its key within the scope, its version (1 for the first), its bytes."""

    key: str
    version: int
    value: bytes


class EntryInfo(NamedTuple):
    """An entry as a listing shows it: everything but the value. `size`: bytes of the value;
    `due`: seconds since the epoch, None for never."""

    key: str
    version: int
    size: int
    due: float | None


class Change(NamedTuple):
    """One write of an atomic commit. `value`: the new bytes; None deletes the entry. `expect`:
    the version that the entry must have now; 0 if it must not exist, None to skip the check.
    `due`: when to put the entry in the due queue, in seconds since the epoch; None to take it
    out."""

    key: str
    value: bytes | None
    expect: int | None = None
    due: float | None = None


class Store(Protocol):
    """Versioned bytes by scope and key, with atomic commits within a scope and a queue of
    entries by due time.

    Any number of threads and processes may use one store at once. A store never interprets
    the bytes. Every method raises StoreUnavailableError, StoreLockedError or StoreFullError if
    the backend fails; the store is then unchanged.
    """

    def get(self, scope: Scope, keys: Sequence[str]) -> list[Entry | None]:
        """The entries in the order of `keys`; None for a key that does not exist."""

    def entries(self, scope: Scope, prefix: str = "") -> list[EntryInfo]:
        """All entries whose key starts with `prefix`, in key order."""

    def commit(self, scope: Scope, changes: Sequence[Change]) -> None:
        """Apply all changes or none. Raises ConflictError if an `expect` does not hold, and
        InputError for two changes of one key, a key that is not valid text, or a due time that
        is not finite."""

    def scopes(self) -> Iterator[Scope]:
        """Every scope that holds at least one entry."""

    def claim_due(self, now: float, limit: int, lease: float) -> list[tuple[Scope, str]]:
        """Claim up to `limit` entries due at or before `now`, earliest first.

        A claim moves an entry's due time to `now + lease`, so that nobody else gets it before.
        Committing a change to the entry sets its due time anew. Raises InputError unless
        `lease` is a positive number of seconds."""

    def time(self) -> float:
        """The time now by the store's own clock, in seconds since the epoch: a server's, so that
        processes on machines whose clocks are wrong agree; else this machine's."""

    def peek_due(self, now: float, limit: int) -> list[tuple[Scope, str]]:
        """What `claim_due` would return, without claiming it."""

    def clear(self, scope: Scope) -> int:
        """Delete everything in a scope, including its due times. Returns the number of entries
        deleted."""

    def usage(self, scope: Scope) -> int:
        """The total size of a scope's keys and values in bytes."""

    def wipe(self) -> list[str]:
        """Erase the bytes of removed and replaced values as far as that is quick. Returns where
        such bytes may still be, each place with the reason and the remedy; empty if nowhere that
        the store knows of."""

    def remains(self, scope: Scope, starts: Sequence[str]) -> list[str]:
        """Files of the store that still hold a trace of entries of a scope that are gone: of keys
        that are, or start with, one of `starts`, of which no entry is there. Each place with the
        remedy. Looks only where the store itself can look."""

    def describe(self) -> dict[str, str]:
        """What this store is and what its backend can do, for people: names and values. Found out
        when it was opened."""

    def purge(self) -> list[str]:
        """As `wipe`, but first rewrite every file that the store can have rewritten, however
        long that takes."""

    def close(self) -> None:
        """Release what this store opened itself. Closing twice is harmless."""


class KeyProvider(Protocol):
    """Keys of 32 bytes that seal a store: see `optimem.Keyring` and `optimem.UserKeys`."""

    def sealing(self, scope: Scope | None) -> bytes:
        """The key that seals what is written to a scope now; for None, the names of a store."""

    def opening(self, scope: Scope | None) -> Sequence[bytes]:
        """Every key under which something of a scope may have been sealed; fewer or none if keys
        were dropped."""


class Clock(Protocol):
    """The time now, in seconds since the epoch."""

    def __call__(self) -> float: ...
