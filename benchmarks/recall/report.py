"""The results as tables."""

from collections.abc import Sequence

from benchmarks.recall.contenders import CONTENDERS, Optimem
from benchmarks.recall.measure import BUDGETS, Results
from optimem.evaluation.figures import percent
from optimem.evaluation.tables import Rows


def budget_table(results: Results) -> Rows:
    """Evidence recall and any-hit of every contender at every budget."""
    rows = [["", *(f"{budget:,} tokens" for budget in BUDGETS),
             *(f"any, {budget:,}" for budget in BUDGETS)]]  # fmt: skip
    kinds = sorted(results.counts)
    for contender in CONTENDERS:
        found = results.findings[contender.name]
        recalls = [found.recall(budget, kinds) for budget in BUDGETS]
        hits = [found.any_hit(budget, kinds) for budget in BUDGETS]
        rows.append([contender.name, *(percent(share, 1) for share in (*recalls, *hits))])
    return rows


def kind_table(results: Results, held_out: Sequence[str] = ()) -> Rows:
    """Evidence recall by kind of question: optimem at every budget, the others at the middle one.
    A star marks the kinds on which nothing was chosen."""
    middle = BUDGETS[1]
    others = [each.name for each in CONTENDERS if each is not Optimem]
    rows = [["kind", "questions", *(f"{budget:,}" for budget in BUDGETS),
             *(f"{name}, {middle:,}" for name in others)]]  # fmt: skip
    for kind, count in sorted(results.counts.items()):
        ours = [results.findings[Optimem.name].recall(budget, [kind]) for budget in BUDGETS]
        theirs = [results.findings[name].recall(middle, [kind]) for name in others]
        shown = [percent(share, 1) for share in (*ours, *theirs)]
        rows.append([f"{kind}{' *' * (kind in held_out)}", f"{count}", *shown])
    return rows


def answer_table(results: Results) -> Rows:
    """Questions answered and refused without a model."""
    counts = results.answering
    return [
        ["answerable", "answered", "an evidence turn quoted", "unanswerable", "refused"],
        [f"{counts.answerable}", percent(counts.answered / max(counts.answerable, 1), 1),
         percent(counts.right / max(counts.answerable, 1), 1),
         f"{counts.unanswerable}", percent(counts.refused / max(counts.unanswerable, 1), 1)],
    ]  # fmt: skip
