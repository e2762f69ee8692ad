"""A whole evaluation: which parts it has, in what order, and what comes of them.

Each part is kept in a journal as soon as it is done, so a run can be interrupted and go on.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from optimem.build import named_reader
from optimem.compression import PageReader
from optimem.errors import SampleError
from optimem.evaluation import baselines, kinds, tokenizer
from optimem.evaluation.faded import fade
from optimem.evaluation.journal import Journal
from optimem.evaluation.kinds import Kind
from optimem.evaluation.measures import score_text
from optimem.evaluation.published import PAPER
from optimem.evaluation.reading import score_pages
from optimem.evaluation.settings import Sample, full_pages, samples
from optimem.evaluation.summary import PageResult, characters_right, summarise
from optimem.evaluation.tokenizer import Counter, first_tokens
from optimem.tiers import Tier

RATIOS = (5.0, 10.0, 20.0, 40.0)
PAGES = 6
PAPER_PAGES = 6
FADED_PAGES = 2
CONTROLLED_PAGES = 2
SEED = 0
PAPER_TIERS = {64: Tier.TINY, 100: Tier.SMALL}

Progress = Callable[[int, int], None]
"""Called with parts done and parts in all."""
Part = tuple[str, Callable[[], Any]]


@dataclass(frozen=True)
class Plan:
    """What is measured and with what."""

    texts: list[Kind]
    ratios: tuple[float, ...]
    tiers: tuple[Tier, ...]
    pages: int
    baselines: tuple[str, ...]
    tokens: Counter
    seed: int
    reader: PageReader

    def identity(self) -> dict[str, Any]:
        """What two runs must share to share results."""
        digest = hashlib.blake2b(digest_size=8)
        for kind in self.texts:
            digest.update(f"{kind.name}\0{kind.text}\0".encode())
        return {
            "texts": digest.hexdigest(),
            "model": self.reader.encoder.fingerprint,
            "renderer": self.reader.renderer.version,
            "tokenizer": self.tokens.name,
            "ratios": list(self.ratios),
            "tiers": [tier.label for tier in self.tiers],
            "pages": self.pages,
            "baselines": list(self.baselines),
            "seed": self.seed,
        }


def evaluate(
    files: Sequence[str | Path] = (),
    *,
    texts: Sequence[Kind] = (),
    model: str | PageReader = "optimem-nano",
    ratios: Sequence[float] = RATIOS,
    tiers: Sequence[Tier] = (),
    pages: int = PAGES,
    baseline: Sequence[str] = baselines.DEFAULT,
    tokens: str = tokenizer.DEEPSEEK,
    controlled: bool = True,
    seed: int = SEED,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure what compressing text costs; JSON-ready.

    `files`: paths, or `kind=path`; `texts`: kinds at hand. `ratios`: text tokens per vision
    token; `tiers`: measured with full pages too. `pages`: of each kind at most. `controlled`:
    add texts that nobody can guess. `folder`: partial results are kept there, and a run of the
    same inputs goes on. Raises SampleError, RatioError, TokenizerError, BaselineError,
    ResumeError, MissingExtraError.
    """
    baselines.baselines(baseline)
    found = [*texts, *kinds.read_kinds([str(file) for file in files])]
    if not found:
        raise SampleError("there is no text to measure; give at least one file")
    reader = named_reader(model) if isinstance(model, str) else model
    if controlled:
        size = CONTROLLED_PAGES * reader.renderer.capacity
        found += kinds.controlled_kinds(seed, size, found[0].text)
    plan = Plan(found, tuple(ratios), tuple(tiers), pages, tuple(baseline),
                tokenizer.counter(tokens), seed, reader)  # fmt: skip
    journal = Journal(folder, plan.identity())
    todo = parts(plan)
    for done, (name, work) in enumerate(todo):
        if progress:
            progress(done, len(todo))
        if name not in journal.done:
            journal.add(name, work())
    if progress:
        progress(len(todo), len(todo))
    return {"run": plan.identity(), "kinds": [k.name for k in found],
            "parts": {name: journal.done[name] for name, _ in todo}}  # fmt: skip


def parts(plan: Plan) -> list[Part]:
    """Everything to be measured, by name. Raises SampleError and RatioError at once."""
    renderer, todo = plan.reader.renderer, list[Part]()
    for kind in plan.texts:
        for sample in samples(kind, plan.ratios, plan.tiers, plan.pages, renderer, plan.tokens):
            name = f"score/{kind.name}/{sample.setting.label}"
            todo.append((name, partial(measured, sample, plan)))
    own = [kind for kind in plan.texts if not kind.controlled]
    for bucket in PAPER:
        for tokens, tier in PAPER_TIERS.items():
            work = partial(paper_row, own, bucket.first, tier, plan)
            todo.append((f"paper/{bucket.first}/{tokens}", work))
    for kind in own:
        todo.append((f"faded/{kind.name}", partial(faded, kind, plan)))
    return todo


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
    for name, baseline in baselines.baselines(plan.baselines).items():
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


def paper_row(own: Sequence[Kind], first: int, tier: Tier, plan: Plan) -> dict[str, Any]:
    """Pages of `first` to `first` + 100 text tokens at a tier, from all texts in turn."""
    rng = np.random.default_rng([plan.seed, first])
    sources = [full_pages(k.text, PAPER_PAGES, plan.reader.renderer, k.name) for k in own]
    texts = []
    for at in range(PAPER_PAGES):
        source = sources[at % len(sources)]
        count = int(rng.integers(first, first + 100))
        texts.append(first_tokens(source[at % len(source)], count, plan.tokens))
    results = score_pages(texts, tier, plan.reader, plan.tokens)
    figures = summarise(results, tier.tokens, tier.positions, plan.seed)
    return {"first": first, "tokens": tier.tokens, "right": figures.right._asdict(),
            "precision": figures.precision, "ratio": figures.ratio}  # fmt: skip


def faded(kind: Kind, plan: Plan) -> list[dict[str, Any]]:
    """A kind's pages at every age."""
    texts = full_pages(kind.text, FADED_PAGES, plan.reader.renderer, kind.name)
    return [row._asdict() for row in fade(kind, texts, plan.reader)]
