"""What an operation did, and what is there: reports, receipts and stats, as results are."""

from typing import Literal

from pydantic import Field

from optimem.results import Result, Unreadable


class AppendReport(Result):
    """`added`: turns appended. `duplicates`: turns that the scope held already. `forgotten`: turns
    left out because they were forgotten (`OpticalMemory.readmit` lets them in again)."""

    added: int
    duplicates: int
    forgotten: int = 0


class CorpusReport(Result):
    """What a run of `encode_corpus` did. `documents`: in the source. Of these, `encoded` now,
    `unchanged` since a run before or named twice, `bad`. `pages`, `stored_bytes`: of those encoded
    now. `shards`: that the corpus has. `seconds`: from start to end."""

    documents: int
    encoded: int
    unchanged: int
    bad: int
    pages: int
    stored_bytes: int
    shards: int
    seconds: float


class Move(Result):
    """A page that fades from the tier `before` to the smaller `after`, or is forgotten (`after`
    None). `page`: its id. Text in the tail (`before` "tail") can only be forgotten; `page` is
    then the turn's id. `expected_accuracy`: share of its characters expected to read right, 0
    to 1."""

    scope: str
    page: str
    before: str
    after: str | None
    expected_accuracy: float


class Stay(Result):
    """A page that was due and stays as it is. `page`: its id. `reason`: "pinned", a pinned turn
    lies on it; "text", it is kept as text, which does not fade; "age", it was recalled or is not
    old enough for a smaller tier; "floor", a smaller tier would read worse than the policy's floor
    allows."""

    scope: str
    page: str
    tier: str
    reason: Literal["pinned", "text", "age", "floor"]


class SweepReport(Result):
    """What a sweep did, or would do. `moves`: pages that faded or were forgotten. `kept`:
    entries due that stay as they are; `stays`: the pages among them, each with the reason.
    `skipped`: pages that others changed at the same time. `bytes_before`, `bytes_after`: of the
    pages looked at."""

    moves: list[Move]
    unreadable: list[Unreadable]
    stays: list[Stay] = Field(default_factory=list)
    kept: int
    skipped: int
    bytes_before: int
    bytes_after: int


class WorkReport(Result):
    """What a worker did so far. `entries`: pages and chunks that it claimed. `faded`, `forgotten`,
    `kept`, `skipped`, `unreadable`: how many of them, as in `SweepReport`. `batches`: in how many
    claims. `seconds`: that it worked, without waiting."""

    batches: int = 0
    entries: int = 0
    faded: int = 0
    forgotten: int = 0
    kept: int = 0
    skipped: int = 0
    unreadable: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    seconds: float = 0.0

    def plus(self, report: SweepReport, *, entries: int, seconds: float) -> "WorkReport":
        """The same with one more batch."""
        forgotten = sum(move.after is None for move in report.moves)
        return WorkReport(
            batches=self.batches + 1,
            entries=self.entries + entries,
            faded=self.faded + len(report.moves) - forgotten,
            forgotten=self.forgotten + forgotten,
            kept=self.kept + report.kept,
            skipped=self.skipped + report.skipped,
            unreadable=self.unreadable + len(report.unreadable),
            bytes_before=self.bytes_before + report.bytes_before,
            bytes_after=self.bytes_after + report.bytes_after,
            seconds=self.seconds + seconds,
        )


class CheckReport(Result):
    """`scopes`: how many were checked. `damage`: entries that cannot be read or do not fit the
    others. `repaired`: whether they were repaired or removed."""

    scopes: int
    damage: list[Unreadable]
    repaired: bool


class ForgetReceipt(Result):
    """What was deleted. `entries`: stored values deleted, or rewritten without the turn.
    `left`: entries in which a new listing still finds it. `residue`: where its bytes may still
    be, such as in a log that somebody is reading, each place with the reason and the remedy. It
    is gone when `left` is 0 and `residue` empty; backups and copies of the store are not looked
    at. `time`: when it was deleted. `removed`: of single turns, by scope, the keys under which they
    and their parts were stored, which are hashes; empty for a whole scope. With these, a store can
    be looked through again at any time (`OpticalMemory.verify_receipt`)."""

    scopes: list[str]
    turns: int
    pages: int
    entries: int
    bytes: int
    left: int
    residue: list[str]
    time: float = 0.0
    removed: dict[str, list[str]] = Field(default_factory=dict)


class ImportReport(Result):
    """What an import appended: turns that were `added`, `duplicates` and `forgotten` as in
    `AppendReport`, and the tokens of `images`, in how many `scopes`."""

    scopes: int
    added: int
    duplicates: int
    forgotten: int
    images: int


class CopyReport(Result):
    """What copying a store came to. `entries`: of the source's `scopes`, compared byte for byte.
    `copied`: those that had to be written, and their `bytes`. `left`: scopes that could not be made
    equal, each with the reason."""

    scopes: int
    entries: int
    copied: int
    bytes: int
    left: list[str]


class ReencodeReport(Result):
    """What writing pages anew came to, or would. `pages`: written anew; `bytes_before` and
    `bytes_after` are theirs, the latter 0 in a dry run. `current`: pages that needed nothing, of
    today's model or kept as text. `skipped`: pages that others kept changing; run it again.
    `unreadable`: pages left as they are, each with the reason. `encoders`: how many pages of each
    other model were found."""

    pages: int = 0
    current: int = 0
    skipped: int = 0
    unreadable: list[Unreadable] = Field(default_factory=list)
    encoders: dict[str, int] = Field(default_factory=dict)
    bytes_before: int = 0
    bytes_after: int = 0


class ReceiptCheck(Result):
    """What a store still shows of what a receipt says is gone. `holds`: nothing. `found`: scope and
    entry of what is there though it was deleted. `residue`: as in `ForgetReceipt`. `entries`: that
    were looked at. What was stored again later, after `readmit` or under another id, is not a
    finding."""

    holds: bool
    found: list[Unreadable]
    residue: list[str]
    entries: int


class KeyRotation(Result):
    """What sealing a store anew came to. `records`: all there are. `resealed`: those that are now
    under the present key. `unreadable`: those that no key given opens, left as they are. `left`:
    those that others changed meanwhile, for the next time."""

    records: int
    resealed: int
    unreadable: int
    left: int


class ReindexReport(Result):
    """What making vectors anew came to, or would. `pages`: whose vectors were made, `bytes` of
    them. `current`: pages that had them. `skipped`: pages that others changed meanwhile; run it
    again. `unreadable`: pages that stay without, each with the reason."""

    pages: int
    current: int
    skipped: int
    bytes: int
    unreadable: list[Unreadable]


class MemoryStats(Result):
    """What a memory holds and what it costs. `text_bytes`, `zstd_bytes`: of the text as it
    was written. `token_bytes` to `other_bytes` add up to `stored_bytes`; `correction_bytes` bring
    back what the tokens misread. `positions`: that a
    causal decoder pays for the vision tokens. `pages_with_vectors`: of any embedding model, which
    take `vector_bytes`. `next_due`: when the next entry is due for a
    sweep, None if none is. `unreadable`: pages and chunks that cannot be read; they count as
    bytes alone. `store`: what the store is and can do, if all of it was counted."""

    scopes: int
    turns: int
    pages: int
    pages_with_vectors: int = 0
    pages_by_tier: dict[str, int]
    vision_tokens: int
    positions: int
    text_bytes: int
    zstd_bytes: int
    token_bytes: int
    kept_text_bytes: int
    structure_bytes: int
    correction_bytes: int
    index_bytes: int
    vector_bytes: int = 0
    tail_bytes: int
    other_bytes: int
    stored_bytes: int
    next_due: float | None
    unreadable: list[Unreadable] = Field(default_factory=list)
    store: dict[str, str] = Field(default_factory=dict)


class PageSummary(Result):
    """A page of a scope. `page`: its id. `tier`: of its vision tokens; "text" if no tier could hold
    it. `turns`: that lie on it, wholly or partly. `first`, `last`: when these were said, the
    earliest and the latest, in seconds since the epoch."""

    page: str
    tier: str
    turns: int
    first: float
    last: float


class ScopeSize(Result):
    """What a scope holds. `next_due`: when its next entry is due, None if none is."""

    scope: str
    turns: int
    pages: int
    bytes: int
    next_due: float | None


class CompressReport(Result):
    """What compressing a text came to.

    `text_tokens`: by DeepSeek's tokenizer. `vision_tokens`: of full pages, as the paper counts.
    `positions`: what a causal decoder pays for them, newlines and separators included. `ratio`,
    `ratio_positions`: text tokens by each. `text_bytes`: UTF-8. `zstd_bytes`: the text under zstd
    level 19. `stored_bytes`: the whole file; `correction_bytes`: the part of it that brings back
    what the tokens misread. `accuracy`: as read from the tokens alone, 1 − cells that read wrong
    for each character, at least 0; `accuracy_corrected`: the same with corrections. `seconds`:
    drawing, encoding and reading back.
    """

    tier: str
    pages: int
    characters: int
    text_tokens: int
    vision_tokens: int
    positions: int
    ratio: float
    ratio_positions: float
    text_bytes: int
    zstd_bytes: int
    stored_bytes: int
    correction_bytes: int
    accuracy: float
    accuracy_corrected: float
    seconds: float


class ImagesReport(Result):
    """What compressing images came to.

    `encoder`: its fingerprint. `vision_tokens`: of the mode, as the paper counts; `valid_tokens`:
    without padding, as the paper counts modes that pad. `positions`: what the decoder pays,
    newlines and separators included. `source_bytes`: of the given files. `stored_bytes`: the whole
    file. `packing_error`: RMS of what packing changed, relative to that of the tokens. `seconds`:
    opening, encoding and packing.
    """

    encoder: str
    mode: str
    packing: str
    pages: int
    vision_tokens: int
    valid_tokens: int
    positions: int
    source_bytes: int
    stored_bytes: int
    packing_error: float
    seconds: float
