"""Results as rows of text: one form for the terminal, for Markdown and for the report. Pure.

Holds the published figures that stand beside ours: DeepSeek-OCR's from arXiv 2510.18234, table 2
(Fox benchmark, English, precision; Tiny with 64 and Small with 100 vision tokens), and C3's from
arXiv 2511.15244.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from optimem.evaluation.figures import NOTHING, parts
from optimem.evaluation.verdict import verdicts
from optimem.text.wording import duration, percent


class PublishedRange(NamedTuple):
    """A row of the paper's table: texts of `first` to `first` + 100 tokens; share right and ratio
    at 64 and at 100 vision tokens."""

    first: int
    right_64: float
    ratio_64: float
    right_100: float
    ratio_100: float


PUBLISHED = (
    PublishedRange(600, 0.965, 10.5, 0.985, 6.7),
    PublishedRange(700, 0.938, 11.8, 0.973, 7.5),
    PublishedRange(800, 0.838, 13.2, 0.968, 8.5),
    PublishedRange(900, 0.859, 15.1, 0.968, 9.7),
    PublishedRange(1000, 0.793, 16.5, 0.915, 10.6),
    PublishedRange(1100, 0.764, 17.7, 0.898, 11.3),
    PublishedRange(1200, 0.591, 19.7, 0.871, 12.6),
)
PUBLISHED_C3 = ((20.0, 0.98), (40.0, 0.93))
"""Ratio and share right of text latents."""
CAVEAT = (
    "The tasks differ. The published figures are for DeepSeek-OCR on scans of arbitrary documents "
    "(the Fox benchmark); ours are for the texts named here, cut to the same number of tokens and "
    "drawn by optimem itself: one font, every character in a known cell. That is much easier, and "
    "with optimem-nano, which reads nothing else, it is why higher ratios are possible."
)

SHORT_COLUMNS = (0, 1, 2, 5, 6, 9, 11)  # those of the main table that fit in a terminal

Rows = list[list[str]]
"""A header row, then the others."""


def main_table(result: dict[str, Any]) -> Rows:
    """Every corpus at every setting."""
    rows = [["text", "setting", "tier", "ratio", "by positions", "characters right",
             "interval", "word errors", "exact lines", "exact ids", "word precision",
             "silent errors", "calibration error", "bytes per byte", "with corrections",
             "their bytes per byte"]]  # fmt: skip
    for part in parts(result, "score", "unreached"):
        named = [part["name"], part["setting"]]
        measured = _figures_row(part["tier"], part["figures"]) if "figures" in part else None
        rows.append(named + (measured or [NOTHING] * (len(rows[0]) - 2)))
    return rows


def _figures_row(tier: str, figures: dict[str, Any]) -> list[str]:
    f, right = figures, figures["right"]
    return [
        tier,
        f"{f['ratio']:.1f}×",
        f"{f['ratio_positions']:.1f}×",
        percent(right["value"]),
        shown_interval(right) if f["pages"] > 1 else NOTHING,
        percent(f["word_error"]["value"]),
        percent(f["exact_lines"], 0),
        percent(f["exact_ids"], 0),
        percent(f["precision"], 1),
        percent(f["silent"]),
        f"{f['calibration']:.4f}",
        f"{f['data_bytes'] / f['text_bytes']:.2f}",
        percent(f["right_corrected"]),
        f"{f['correction_bytes'] / f['text_bytes']:.3f}",
    ]


def shown_interval(interval: dict[str, float]) -> str:
    """The bounds of a share, in per cent, with the digits of the share itself: what is shown of
    an interval holds what is shown of its value."""
    return f"{percent(interval['low'])[:-2]}–{percent(interval['high'])[:-2]}"


def short_table(result: dict[str, Any]) -> Rows:
    """The columns of the main table that fit in a terminal."""
    return [[row[at] for at in SHORT_COLUMNS] for row in main_table(result)]


def paper_table(result: dict[str, Any]) -> Rows:
    """The paper's table 2 with ours beside it; no figures of ours where no page of the corpora
    has so many tokens."""
    ours = {(p["first"], p["tokens"]): p for p in parts(result, "paper")}
    rows = [["text tokens",
             "64: published", "ratio", "64: ours", "precision", "ratio",
             "100: published", "ratio", "100: ours", "precision", "ratio"]]  # fmt: skip
    for row in PUBLISHED:
        cells = [f"{row.first}–{row.first + 100}"]
        cells += [percent(row.right_64, 1), f"{row.ratio_64:.1f}×"]
        cells += _paper_cells(ours[row.first, 64])
        cells += [percent(row.right_100, 1), f"{row.ratio_100:.1f}×"]
        cells += _paper_cells(ours[row.first, 100])
        rows.append(cells)
    return rows


def _paper_cells(ours: dict[str, Any]) -> list[str]:
    if ours["right"] is None:
        return [NOTHING] * 3
    return [
        percent(ours["right"]["value"], 1), percent(ours["precision"], 1), f"{ours['ratio']:.1f}×"
    ]  # fmt: skip


def baseline_table(result: dict[str, Any]) -> Rows:
    """Characters right with each baseline and with optimem, for the user's corpora; a star where
    the baseline is as good or better."""
    own = [part for part in parts(result, "score", "unreached") if not part["controlled"]]
    compared: dict[str, Any] = next((part["baselines"] for part in own if "baselines" in part), {})
    names = [f"{name} ({baseline['basis']})" for name, baseline in compared.items()]
    rows = [["text", "setting", "optimem", *names]]
    for part in own:
        cells = [NOTHING] * (len(names) + 1)
        if "figures" in part:
            cells = [percent(part["figures"]["right"]["value"], 1)]
            cells += map(_baseline_cell, part["baselines"].values())
        rows.append([part["name"], part["setting"], *cells])
    return rows


def _baseline_cell(baseline: dict[str, Any]) -> str:
    return percent(baseline["right"], 1) + (" ★" if baseline["wins"] else "")


def faded_table(result: dict[str, Any]) -> Rows:
    """The same pages at every age."""
    rows = [["text", "age", "tier", "characters right", "marked uncertain", "silent errors"]]
    for row in parts(result, "faded"):
        age = duration(row["age"]) if row["age"] else "new"
        shares = (row["right"], row["marked"], row["silent"])
        rows.append([row["name"], age, ", ".join(row["tiers"]), *map(percent, shares)])
    return rows


def baselines_ahead(result: dict[str, Any]) -> str:
    """One sentence on where baselines do as well or better."""
    scored = list(parts(result, "score"))
    wins: dict[str, int] = defaultdict(int)
    for part in scored:
        for name, baseline in part["baselines"].items():
            wins[name] += baseline["wins"]
    ahead = [f"{name} in {count} of {len(scored)}" for name, count in wins.items() if count]
    return f"As good as optimem or better: {', '.join(ahead) or 'no baseline'}."


def unreachable_ratios(result: dict[str, Any]) -> str:
    """One sentence on the ratios that a corpus cannot reach; empty if there are none."""
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for part in parts(result, "unreached"):
        by_name[part["name"]].append(part)
    found = [
        f"{name} at {' and '.join(part['setting'] for part in missed)} (a full page of it at "
        f"{missed[0]['tier']} comes to {missed[0]['most']:.1f}×)"
        for name, missed in by_name.items()
    ]
    return f"{NOTHING} not reachable: {', '.join(found)}." if found else ""


def verdict_list(result: dict[str, Any]) -> str:
    """What to do about each text, as a Markdown list."""
    lines = [f"- {each.text}: **{each.advice}.** {each.reason}" for each in verdicts(result)]
    return "\n".join(lines)


def markdown_document(result: dict[str, Any]) -> str:
    """All tables as Markdown."""
    sections = [
        ("Verdict", verdict_list(result), []),
        ("By text", unreachable_ratios(result), main_table(result)),
        ("The paper's own table", CAVEAT, paper_table(result)),
        ("Baselines on the same pages", baselines_ahead(result), baseline_table(result)),
        ("Faded memory", "", faded_table(result)),
    ]
    return "\n\n".join(
        "\n\n".join(part for part in (f"## {title}", note, markdown_table(rows)) if part)
        for title, note, rows in sections
    )


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; empty if there are none."""
    if not rows:
        return ""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
