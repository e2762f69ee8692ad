"""A memory on fakes, and a clock to move by hand."""

from datetime import timedelta

from optimem.api.memory import OpticalMemory
from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.embedding import Embeddings
from optimem.memory.recall.reranking import Reranker
from optimem.protocols import Clock, ImageReader, PageCodec, Store
from optimem.testing.pages import plain_codec
from optimem.testing.store import InMemoryStore

START = 1_700_000_000.0
"""14 November 2023, in seconds since the epoch."""


class ManualClock:
    """A clock that shows `now`, in seconds since the epoch, until it is moved."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float = 0.0, *, hours: float = 0.0, days: float = 0.0) -> None:
        """Move the clock forward, or back by less than zero."""
        self.now += timedelta(seconds=seconds, hours=hours, days=days).total_seconds()


def open_memory(
    store: Store | None = None,
    *,
    policy: DecayPolicy | None = None,
    clock: Clock | None = None,
    codec: PageCodec | None = None,
    images: ImageReader | None = None,
    embeddings: Embeddings | None = None,
    rerank: Reranker | None = None,
) -> OpticalMemory:
    """An `OpticalMemory` without a model: by default on an `InMemoryStore`, a `plain_codec` that
    misreads nothing and a `ManualClock`. Give `images=FakeImageReader()` to append files."""
    return OpticalMemory(
        store or InMemoryStore(),
        codec or plain_codec(),
        policy=policy,
        clock=clock or ManualClock(),
        images=images,
        embeddings=embeddings,
        rerank=rerank,
    )
