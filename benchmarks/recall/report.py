"""The results as tables."""

from collections.abc import Sequence
from itertools import pairwise

from benchmarks.recall.contenders import CONTENDERS, Optimem
from benchmarks.recall.measure import BUDGETS, Answering, Results
from benchmarks.recall.talks import UNANSWERABLE
from optimem.evaluation.tables import Rows
from optimem.text.wording import percent

CERTAINTIES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.1)


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
        rows.append([_starred(kind, held_out), f"{count}", *shown])
    return rows


def answer_table(results: Results, held_out: Sequence[str] = ()) -> Rows:
    """Questions answered without a model, by kind; those without an answer last."""
    rows = [["kind", "questions", "answered", "an evidence turn quoted", "the answer told"]]
    without = sorted(kind for kind in results.answering if kind.startswith(UNANSWERABLE))
    kinds = sorted(set(results.answering) - set(without))
    for kind in kinds:
        rows.append(_answered(_starred(kind, held_out), results.answering[kind]))
    rows.append(_answered("all that have an answer", _total(results, kinds)))
    for kind in without:
        rows.append(_refused(_starred(kind, held_out), results.answering[kind]))
    return [*rows, _refused("all without an answer", _total(results, without))]


def _starred(kind: str, held_out: Sequence[str]) -> str:
    return f"{kind}{' *' * (kind in held_out)}"


def _total(results: Results, kinds: Sequence[str]) -> Answering:
    return sum((results.answering[kind] for kind in kinds), Answering())


def _refused(name: str, counts: Answering) -> list[str]:
    return [name, f"{counts.asked}", _share(counts.answered, counts.asked), "–", "–"]


def _answered(name: str, counts: Answering) -> list[str]:
    shares = [_share(n, counts.asked) for n in (counts.answered, counts.quoted)]
    told = _share(counts.told, counts.known) if counts.known else "–"
    return [name, f"{counts.asked}", *shares, told]


def certainty_table(results: Results) -> Rows:
    """How often answers of a probability are right."""
    likely = [each for counts in results.answering.values() for each in counts.likely]
    rows = [["probability", "answers", "mean", "right"]]
    for low, high in pairwise(CERTAINTIES):
        inside = [each for each in likely if low <= each[0] < high]
        count = len(inside)
        mean, right = sum(p for p, _ in inside), sum(right for _, right in inside)
        name = f"{low:.1f} to {min(high, 1):.1f}"
        rows.append([name, f"{count}", _share(mean, count), _share(right, count)])
    return rows


def _share(part: float, whole: int) -> str:
    return percent(part / whole, 1) if whole else "–"
