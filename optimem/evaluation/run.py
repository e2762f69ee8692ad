"""An evaluation: what is asked for is checked, then measured part by part.

Each part's result goes into a journal as soon as it is there, so that an interrupted run can be
resumed. Results are JSON-ready; `tables` and `report` present them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from optimem.build import named_codec
from optimem.errors import InputError, SampleError
from optimem.evaluation.baselines import (
    BUILT_IN,
    EXTERNAL,
    SLOW_PAGES,
    Baseline,
    BaselinePage,
    BaselineSetup,
    basis,
    open_baselines,
)
from optimem.evaluation.corpora import (
    Corpus,
    controlled_corpora,
    number_duplicates,
    read_corpora,
)
from optimem.evaluation.journal import Journal
from optimem.evaluation.measures import score_text
from optimem.evaluation.round_trip import score_faded, score_pages
from optimem.evaluation.sampling import (
    PageSample,
    Setting,
    UnreachableRatio,
    check_ratios,
    check_reachable,
    full_pages,
    sample_pages,
)
from optimem.evaluation.summary import Figures, PageResult, characters_right, summarise
from optimem.evaluation.tables import PUBLISHED
from optimem.evaluation.tokenizers import (
    DEEPSEEK,
    Tokenizer,
    count_tokens,
    first_tokens,
    open_tokenizer,
)
from optimem.model import NANO
from optimem.protocols import PageCodec, Progress
from optimem.tiers import Tier

RATIOS = (5.0, 10.0, 20.0, 40.0)
PAGES = 6
CONTROLLED_PAGES = 2
FADED_PAGES = 2
PAPER_PAGES = 6
PAPER_TIERS = (Tier.TINY, Tier.SMALL)
RANGE = 100  # text tokens from one row of the paper's table to the next

Result = dict[str, Any]
"""JSON-ready."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What is measured, and with what. `pages`: at most, of each corpus. `baseline_names`: as the
    user wrote them, with checkpoints; `baselines`: the same by name, opened."""

    corpora: list[Corpus]
    ratios: tuple[float, ...]
    tiers: tuple[Tier, ...]
    pages: int
    baseline_names: tuple[str, ...]
    baselines: Mapping[str, Baseline]
    tokenizer: Tokenizer
    seed: int
    codec: PageCodec

    @property
    def own_corpora(self) -> list[Corpus]:
        """The user's corpora."""
        return [corpus for corpus in self.corpora if not corpus.controlled]

    def identity(self) -> Result:
        """What two runs must have in common to share results."""
        digest = hashlib.blake2b(digest_size=8)
        for corpus in self.corpora:
            digest.update(f"{corpus.name}\0{corpus.text}\0".encode())
        return {
            "texts": digest.hexdigest(),
            "model": self.codec.encoder.fingerprint,
            "renderer": self.codec.renderer.version,
            "tokenizer": self.tokenizer.name,
            "ratios": list(self.ratios),
            "tiers": [tier.label for tier in self.tiers],
            "pages": self.pages,
            "baselines": list(self.baseline_names),
            "seed": self.seed,
        }


class Part(NamedTuple):
    """A part of an evaluation, measured once."""

    name: str
    measure: Callable[[], Any]


def evaluate(
    files: str | Path | Sequence[str | Path] = (),
    *,
    corpora: Sequence[Corpus] = (),
    model: str = NANO,
    codec: PageCodec | None = None,
    ratios: Sequence[float] = RATIOS,
    tiers: Sequence[Tier] = (),
    pages: int = PAGES,
    baselines: Sequence[str] = tuple(BUILT_IN),
    tokenizer: str = DEEPSEEK,
    controlled: bool = True,
    seed: int = 0,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Measure what compressing text costs in fidelity.

    `files`: a path or several, named in the result as they are given, or `name=path`. `corpora`:
    texts that are not files. `model`: as in `OpticalMemory.open`; `codec` in its place is one that
    is already open. `ratios`: text tokens per vision token; one that only some corpora reach is
    reported for the others. `tiers`: also measured, on full pages. `pages`: at most, of each
    corpus. `baselines`: names; `llmlingua2=CHECKPOINT` names its weights; default those that need
    nothing installed. `tokenizer`: "deepseek", "bytes", or the path of a `tokenizer.json`.
    `controlled`: add texts that cannot be guessed. `seed`: of everything drawn at random. `folder`:
    keeps partial results, from which a run with the same arguments resumes. `progress`: called
    with parts done and parts in all.

    The result is JSON-ready: `run` identifies it, `names` are those of the corpora, `parts` holds
    the figures. Raises InputError for a file or model that cannot be used, SampleError, RatioError,
    TokenizerError, BaselineError, ResumeError and MissingExtraError.
    """
    if pages < 1 or seed < 0:
        raise InputError(f"{pages} pages, seed {seed}: give at least one page and a seed from 0")
    checked_ratios, opened_tokenizer = check_ratios(ratios), open_tokenizer(tokenizer)
    sources = [files] if isinstance(files, str | Path) else files
    measured = [*corpora, *read_corpora([str(source) for source in sources])]
    if not measured:
        raise SampleError("there is no text to measure; give at least one file")
    opened_baselines = open_baselines(baselines)
    codec = codec or named_codec(model)
    if controlled:
        size = CONTROLLED_PAGES * codec.renderer.capacity
        measured += controlled_corpora(seed, size, measured[0].text)
    plan = EvaluationPlan(
        corpora=number_duplicates(measured),
        ratios=checked_ratios,
        tiers=tuple(tiers),
        pages=pages,
        baseline_names=tuple(baselines),
        baselines=opened_baselines,
        tokenizer=opened_tokenizer,
        seed=seed,
        codec=codec,
    )
    return _run(plan, None if folder is None else Path(folder), progress)


def _run(plan: EvaluationPlan, folder: Path | None, progress: Progress | None) -> Result:
    parts = [*_score_parts(plan), *_paper_parts(plan), *_faded_parts(plan)]
    journal = Journal(folder, plan.identity())
    for done, part in enumerate(parts):
        if progress:
            progress(done, len(parts))
        if part.name not in journal.results:
            journal.add(part.name, part.measure())
    if progress:
        progress(len(parts), len(parts))
    return {
        "run": plan.identity(),
        "names": [corpus.name for corpus in plan.corpora],
        "parts": {part.name: journal.results[part.name] for part in parts},
    }


def _score_parts(plan: EvaluationPlan) -> list[Part]:
    """Every corpus at every setting. Raises SampleError, or RatioError, before anything is
    measured."""
    renderer, tokenizer = plan.codec.renderer, plan.tokenizer
    samples = [
        sample
        for corpus in plan.corpora
        for sample in sample_pages(corpus, plan.ratios, plan.tiers, plan.pages, renderer, tokenizer)
    ]
    check_reachable(samples)
    return [
        Part(f"score/{each.corpus.name}/{each.setting.label}", partial(_score, each, plan))
        if isinstance(each, PageSample)
        else Part(f"unreached/{each.corpus.name}/{each.ratio:g}×", partial(_unreachable, each))
        for each in samples
    ]


def _paper_parts(plan: EvaluationPlan) -> list[Part]:
    """The rows of the paper's table, on the user's corpora."""
    full = [
        full_pages(corpus.text, PAPER_PAGES, plan.codec.renderer, corpus.name)
        for corpus in plan.own_corpora
    ]
    return [
        Part(f"paper/{row.first}/{tier.tokens}", partial(_paper_row, full, row.first, tier, plan))
        for row in PUBLISHED
        for tier in PAPER_TIERS
    ]


def _faded_parts(plan: EvaluationPlan) -> list[Part]:
    return [
        Part(f"faded/{corpus.name}", partial(_faded, corpus, plan)) for corpus in plan.own_corpora
    ]


def _score(sample: PageSample, plan: EvaluationPlan) -> Result:
    """The figures of a sample, and of the baselines on the same pages."""
    tier = sample.setting.tier
    results = score_pages(sample.texts, tier, plan.codec, plan.tokenizer)
    figures = summarise(results, tier.tokens, tier.positions, plan.seed)
    return {
        "name": sample.corpus.name,
        "controlled": sample.corpus.controlled,
        "setting": sample.setting.label,
        "asked": sample.setting.ratio,
        "tier": tier.label,
        "figures": _as_json(figures),
        "baselines": _compare(sample, results, plan),
    }


def _as_json(figures: Figures) -> Result:
    intervals = {"right": figures.right._asdict(), "word_error": figures.word_error._asdict()}
    return {**figures._asdict(), **intervals}


def _unreachable(ratio: UnreachableRatio) -> Result:
    """A ratio that a corpus cannot reach: `most` is what its full page comes to at `tier`."""
    smallest = min(Tier)
    return {
        "name": ratio.corpus.name,
        "controlled": ratio.corpus.controlled,
        "setting": Setting(smallest, ratio.ratio).label,
        "asked": ratio.ratio,
        "tier": smallest.label,
        "most": ratio.most,
    }


def _compare(sample: PageSample, results: Sequence[PageResult], plan: EvaluationPlan) -> Result:
    """The baselines on the pages of a sample, by name: what each has in common with the page, its
    share of characters right, and whether that is as good as ours."""
    setup = BaselineSetup(plan.codec.renderer, plan.tokenizer, plan.seed)
    compared = {}
    for name, baseline in plan.baselines.items():
        count = SLOW_PAGES if name in EXTERNAL else len(sample.texts)
        scores = []
        for text, result in zip(sample.texts[:count], results[:count], strict=True):
            page = BaselinePage(text, sample.setting.tier, result.data_bytes)
            scores.append(score_text(text, baseline(page, setup)))
        right = characters_right(scores)
        ours = characters_right([result.score for result in results[:count]])
        compared[name] = {
            "basis": basis(name), "right": right, "wins": right >= ours, "pages": count
        }  # fmt: skip
    return compared


def _paper_row(full: Sequence[list[str]], first: int, tier: Tier, plan: EvaluationPlan) -> Result:
    """Pages of `first` to `first` + 100 text tokens at a tier, taken in turn from the corpora with
    that many on a page; without figures if there are none. `full`: full pages by corpus."""
    row = {"first": first, "tokens": tier.tokens, "right": None, "precision": None, "ratio": None}
    longest = first + RANGE
    sources = [
        pages
        for pages in full
        if all(count_tokens(text, plan.tokenizer) >= longest for text in pages)
    ]
    if not sources:
        return row
    rng = np.random.default_rng([plan.seed, first])
    texts = []
    for at in range(PAPER_PAGES):
        source = sources[at % len(sources)]
        count = int(rng.integers(first, longest))
        texts.append(first_tokens(source[at % len(source)], count, plan.tokenizer))
    results = score_pages(texts, tier, plan.codec, plan.tokenizer)
    figures = summarise(results, tier.tokens, tier.positions, plan.seed)
    return {
        **row,
        "right": figures.right._asdict(),
        "precision": figures.precision,
        "ratio": figures.ratio,
    }


def _faded(corpus: Corpus, plan: EvaluationPlan) -> list[Result]:
    """Pages of a corpus at every age."""
    texts = full_pages(corpus.text, FADED_PAGES, plan.codec.renderer, corpus.name)
    return [row._asdict() for row in score_faded(corpus, texts, plan.codec)]
