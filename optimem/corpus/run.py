"""Encoding a corpus: what there is, less what is done, through the workers of an engine, into
shards. Knows neither how workers are run nor how a document is encoded."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from optimem.corpus.documents import Bad, Document, Fields, list_documents
from optimem.corpus.encoding import Outcome, Recipe, Task
from optimem.corpus.local import LocalEngine
from optimem.corpus.on_ray import RayEngine
from optimem.corpus.shards import CorpusWriter, Entry, open_for_writing
from optimem.errors import InputError
from optimem.model import NANO
from optimem.protocols import PageCodec, Progress
from optimem.reports import CorpusReport
from optimem.tiers import Tier

SHARD_DOCUMENTS, SHARD_BYTES, SHARD_SECONDS = 4096, 1 << 26, 60.0
"""A shard is written when it holds so much, or so long after the one before."""


class Engine(Protocol):
    """Runs workers."""

    def encode(self, recipe: Recipe, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """An outcome for each task, as they are done."""


class Work(NamedTuple):
    """What is to be done. `documents`: how many there are, with those that are done."""

    tasks: list[Task]
    bad: list[Bad]
    documents: int


def encode_corpus(
    source: str | Path,
    out: str | Path,
    *,
    engine: Literal["local", "ray"] = "local",
    workers: int | None = None,
    address: str | None = None,
    model: str = NANO,
    tier: Tier = Tier.SMALL,
    images: str | None = None,
    mode: str = "base",
    packing: str = "int8",
    fields: Fields | None = None,
    codec: Callable[[], PageCodec] | None = None,
    progress: Progress | None = None,
) -> CorpusReport:
    """Encode each document of `source` once into shards in the folder `out`, which `Corpus`
    reads. Run again, whatever ended the last run, it goes on where that was.

    `source`: a folder, whose files are the documents, by their paths in it; a list (.jsonl,
    .parquet) of rows with a text or the path of a file (`fields`); or one file. A document that
    changed since is encoded anew and replaces its old self; one that cannot be encoded is named in
    `out`/bad.jsonl, and tried again by the next run.

    `engine`: worker processes of this machine, or actors on Ray, at `address` if it is given.
    `workers`: how many, default one per GPU, or else per core. `model`, `tier`: of texts, as in
    `compress`. `images`, `mode`, `packing`: of images and PDFs, as in `compress_images`; `images`
    defaults to `model`. `codec`: in place of `model`, a function that can be pickled and makes a
    codec in each worker. `progress`: called with the documents done and all that were to be done.

    Raises InputError for a source that is not there and an `out` that cannot be written or lies in
    the source, ResumeError for an `out` that was made with other settings or holds something else,
    StoreLockedError while another run writes it, StoreFullError for a full disk, MissingExtraError
    without pyarrow or Ray, ReaderUnavailableError without a cluster or if workers keep dying, and
    what loading the model raises.
    """
    started, source, out = time.perf_counter(), Path(source), Path(out)
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{out} lies in {source}, all of which is encoded; name another folder")
    runner: Engine = RayEngine(workers, address) if engine == "ray" else LocalEngine(workers)
    recipe = Recipe(model, tier, images, mode, packing, codec)
    listed = list_documents(source, fields)
    with open_for_writing(out, recipe.settings()) as writer:
        work = _find_work(listed, writer.known())
        for bad in work.bad:
            writer.add_bad(bad)
        made = _Made()
        if work.tasks:
            made = _collect(runner.encode(recipe, work.tasks), writer, len(work.tasks), progress)
        shards = writer.manifest.shards
        return CorpusReport(
            documents=work.documents,
            encoded=made.encoded,
            unchanged=work.documents - made.encoded - made.bad - len(work.bad),
            bad=made.bad + len(work.bad),
            pages=made.pages,
            stored_bytes=made.bytes,
            shards=len(shards),
            seconds=round(time.perf_counter() - started, 3),
        )


def _find_work(found: Iterable[Document | Bad], known: Mapping[str, Entry]) -> Work:
    """What is to be done of what was found, given what the corpus holds."""
    work, marks, count = Work([], [], 0), dict[str, str](), 0
    for each in found:
        if isinstance(each, Bad):
            work.bad.append(each)
        elif each.id in marks:
            if marks[each.id] == each.mark:
                continue  # the same document, named twice
            work.bad.append(Bad(each.id, "another document has this id; give each its own"))
        else:
            marks[each.id] = each.mark
            entry = known.get(each.id)
            if entry is None or entry.mark != each.mark:
                work.tasks.append(Task(each, entry.digest if entry else ""))
        count += 1
    return work._replace(documents=count)


class _Made:
    """What came of the tasks so far; `bytes` of `.omem` files."""

    def __init__(self) -> None:
        self.encoded = self.bad = self.pages = self.bytes = 0


def _collect(
    outcomes: Iterable[Outcome], writer: CorpusWriter, count: int, progress: Progress | None
) -> _Made:
    """Write outcomes as they come. What has come is written too if no more does."""
    made, committed = _Made(), time.monotonic()
    if progress:
        progress(0, count)
    try:
        for done, outcome in enumerate(outcomes, 1):
            _add(outcome, writer, made)
            now = time.monotonic()
            if _is_full(writer) or now - committed > SHARD_SECONDS:
                writer.commit()
                committed = now
            if progress:
                progress(done, count)
    finally:
        writer.commit()
    return made


def _add(outcome: Outcome, writer: CorpusWriter, made: _Made) -> None:
    if outcome.reason:
        writer.add_bad(Bad(outcome.id, outcome.reason))
        made.bad += 1
    elif outcome.data:
        writer.add(outcome)
        made.encoded += 1
        made.pages += outcome.pages
        made.bytes += len(outcome.data)


def _is_full(writer: CorpusWriter) -> bool:
    return writer.pending >= SHARD_DOCUMENTS or writer.pending_bytes >= SHARD_BYTES
