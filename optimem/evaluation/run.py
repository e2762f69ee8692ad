"""A whole evaluation: what is asked for is checked, then measured part by part.

Each part is kept in a journal as soon as it is done, so a run can be interrupted and go on.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from optimem.build import named_reader
from optimem.compression import PageReader
from optimem.errors import InputError, SampleError
from optimem.evaluation import baselines, kinds, tokenizer
from optimem.evaluation.journal import Journal
from optimem.evaluation.kinds import Kind
from optimem.evaluation.parts import parts
from optimem.evaluation.plan import Plan
from optimem.evaluation.settings import checked_ratios
from optimem.model_names import NANO
from optimem.tiers import Tier

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
    model: str | PageReader = NANO,
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
    add texts that nobody can guess. `baseline`: names; `llmlingua2=CHECKPOINT` names weights.
    `folder`: partial results are kept there, and a run of the same inputs goes on. A ratio that
    only some kinds reach is told of the others. Raises SampleError, RatioError, TokenizerError,
    BaselineError, ResumeError, MissingExtraError, and InputError for what cannot be read.
    """
    if pages < 1 or seed < 0:
        raise InputError(f"{pages} pages, seed {seed}: give at least one page and a seed from 0")
    wanted, tokens_of = checked_ratios(ratios), tokenizer.counter(tokens)
    found = [*texts, *kinds.read_kinds([str(file) for file in files])]
    if not found:
        raise SampleError("there is no text to measure; give at least one file")
    competing = baselines.baselines(baseline)
    reader = named_reader(model) if isinstance(model, str) else model
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
