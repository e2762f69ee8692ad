"""The parts of a run: what is measured, in which order, and how each is worked out.

A part is a name and work to be done once; its result is JSON-ready.

A whole evaluation: what is asked for is checked, then measured part by part.

Each part is kept in a journal as soon as it is done, so a run can be interrupted and go on.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from optimem.build import named_codec
from optimem.errors import InputError, SampleError
from optimem.evaluation import baselines, kinds, tokenizers
from optimem.evaluation.journal import Journal
from optimem.evaluation.kinds import Kind
from optimem.evaluation.measures import score_text
from optimem.evaluation.reading import fade, score_pages
from optimem.evaluation.settings import (
    Plan,
    Sample,
    Setting,
    Unreached,
    checked_ratios,
    demand_reached,
    full_pages,
    samples,
)
from optimem.evaluation.summary import PageResult, characters_right, summarise
from optimem.evaluation.tables import PAPER
from optimem.evaluation.tokenizers import first_tokens
from optimem.model import NANO
from optimem.protocols import PageCodec
from optimem.tiers import Tier

PAPER_PAGES = 6
FADED_PAGES = 2
PAPER_TIERS = {64: Tier.TINY, 100: Tier.SMALL}

Part = tuple[str, Callable[[], Any]]


def parts(plan: Plan) -> list[Part]:
    """Everything to be measured, by name. Raises SampleError and RatioError at once."""
    return [*_scored(plan), *_paper(plan), *_faded(plan)]


def _scored(plan: Plan) -> list[Part]:
    found = [
        each
        for kind in plan.texts
        for each in samples(
            kind, plan.ratios, plan.tiers, plan.pages, plan.reader.renderer, plan.tokens
        )
    ]
    demand_reached(found)
    return [
        (f"score/{each.kind.name}/{each.setting.label}", partial(measured, each, plan))
        if isinstance(each, Sample)
        else (f"unreached/{each.kind.name}/{each.ratio:g}×", partial(unreached, each))
        for each in found
    ]


def _paper(plan: Plan) -> list[Part]:
    own = [kind for kind in plan.texts if not kind.controlled]
    pages = [full_pages(k.text, PAPER_PAGES, plan.reader.renderer, k.name) for k in own]
    return [
        (f"paper/{bucket.first}/{tokens}", partial(paper_row, pages, bucket.first, tier, plan))
        for bucket in PAPER
        for tokens, tier in PAPER_TIERS.items()
    ]


def _faded(plan: Plan) -> list[Part]:
    own = [kind for kind in plan.texts if not kind.controlled]
    return [(f"faded/{kind.name}", partial(faded, kind, plan)) for kind in own]


def unreached(ratio: Unreached) -> dict[str, Any]:
    """A ratio that a kind of text cannot reach: `most`, what a full page of it comes to at
    `tier`."""
    return {
        "kind": ratio.kind.name,
        "controlled": ratio.kind.controlled,
        "setting": Setting(min(Tier), ratio.ratio).label,
        "asked": ratio.ratio,
        "tier": min(Tier).label,
        "most": ratio.most,
    }


def measured(sample: Sample, plan: Plan) -> dict[str, Any]:
    """The figures of a sample and of the baselines on the same pages."""
    tier = sample.setting.tier
    results = score_pages(sample.texts, tier, plan.reader, plan.tokens)
    figures = summarise(results, tier.tokens, tier.positions, plan.seed)
    return {
        "kind": sample.kind.name,
        "controlled": sample.kind.controlled,
        "setting": sample.setting.label,
        "asked": sample.setting.ratio,
        "tier": tier.label,
        "figures": {**figures._asdict(), "right": figures.right._asdict(),
                    "word_error": figures.word_error._asdict()},
        "baselines": compared(sample, results, plan),
    }  # fmt: skip


def compared(
    sample: Sample, results: Sequence[PageResult], plan: Plan
) -> dict[str, dict[str, Any]]:
    """How baselines do on the pages of a sample, each with what it had as much of."""
    means = baselines.Means(plan.reader.renderer, plan.tokens, plan.seed)
    answer = {}
    for name, baseline in plan.baselines.items():
        count = baselines.SLOW_PAGES if name in baselines.OPTIONAL else len(sample.texts)
        scores = []
        for text, result in list(zip(sample.texts, results, strict=True))[:count]:
            page = baselines.Page(text, sample.setting.tier, result.data_bytes)
            scores.append(score_text(text, baseline(page, means)))
        right = characters_right(scores)
        ours = characters_right([result.score for result in results[:count]])
        answer[name] = {
            "basis": baselines.basis(name), "right": right, "wins": right >= ours, "pages": count
        }  # fmt: skip
    return answer


def paper_row(pages: Sequence[list[str]], first: int, tier: Tier, plan: Plan) -> dict[str, Any]:
    """Pages of `first` to `first` + 100 text tokens at a tier, from all texts in turn that
    hold as many on a page; without figures if none does. `pages`: full ones, by text."""
    row = {"first": first, "tokens": tier.tokens, "right": None, "precision": None, "ratio": None}
    sources = [full for full in pages
               if all(len(plan.tokens.ends(text)) >= first + 100 for text in full)]  # fmt: skip
    if not sources:
        return row
    rng = np.random.default_rng([plan.seed, first])
    texts = []
    for at in range(PAPER_PAGES):
        source = sources[at % len(sources)]
        count = int(rng.integers(first, first + 100))
        texts.append(first_tokens(source[at % len(source)], count, plan.tokens))
    results = score_pages(texts, tier, plan.reader, plan.tokens)
    figures = summarise(results, tier.tokens, tier.positions, plan.seed)
    return {**row, "right": figures.right._asdict(), "precision": figures.precision,
            "ratio": figures.ratio}  # fmt: skip


def faded(kind: Kind, plan: Plan) -> list[dict[str, Any]]:
    """A kind's pages at every age."""
    texts = full_pages(kind.text, FADED_PAGES, plan.reader.renderer, kind.name)
    return [row._asdict() for row in fade(kind, texts, plan.reader)]


RATIOS = (5.0, 10.0, 20.0, 40.0)
PAGES = 6
CONTROLLED_PAGES = 2
SEED = 0

Progress = Callable[[int, int], None]
"""Called with parts done and parts in all."""


def evaluate(
    files: Sequence[str | Path] = (),
    *,
    texts: Sequence[Kind] = (),
    model: str | PageCodec = NANO,
    ratios: Sequence[float] = RATIOS,
    tiers: Sequence[Tier] = (),
    pages: int = PAGES,
    baseline: Sequence[str] = baselines.DEFAULT,
    tokens: str = tokenizers.DEEPSEEK,
    controlled: bool = True,
    seed: int = SEED,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure what compressing text costs; JSON-ready.

    `files`: paths, or `kind=path`; `texts`: kinds at hand. `ratios`: text tokens per vision
    token; `tiers`: measured with full pages too. `pages`: of each kind at most. `controlled`:
    add texts that nobody can guess. `baseline`: names; `llmlingua2=CHECKPOINT` names weights.
    `folder`: partial results are kept there, and a run of the same inputs goes on. A ratio that
    only some kinds reach is told of the others. Raises SampleError, RatioError, TokenizerError,
    BaselineError, ResumeError, MissingExtraError, and InputError for what cannot be read.
    """
    if pages < 1 or seed < 0:
        raise InputError(f"{pages} pages, seed {seed}: give at least one page and a seed from 0")
    wanted, tokens_of = checked_ratios(ratios), tokenizers.counter(tokens)
    found = [*texts, *kinds.read_kinds([str(file) for file in files])]
    if not found:
        raise SampleError("there is no text to measure; give at least one file")
    competing = baselines.baselines(baseline)
    reader = named_codec(model) if isinstance(model, str) else model
    if controlled:
        size = CONTROLLED_PAGES * reader.renderer.capacity
        found += kinds.controlled_kinds(seed, size, found[0].text)
    plan = Plan(kinds.distinct(found), wanted, tuple(tiers), pages, tuple(baseline), competing,
                tokens_of, seed, reader)  # fmt: skip
    todo = parts(plan)
    journal = Journal(folder, plan.identity())
    for done, (name, work) in enumerate(todo):
        if progress:
            progress(done, len(todo))
        if name not in journal.done:
            journal.add(name, work())
    if progress:
        progress(len(todo), len(todo))
    return {"run": plan.identity(), "kinds": [kind.name for kind in plan.texts],
            "parts": {name: journal.done[name] for name, _ in todo}}  # fmt: skip
