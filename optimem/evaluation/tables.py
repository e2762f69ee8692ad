"""What others have published, to stand beside our figures. Data only.

DeepSeek-OCR: arXiv 2510.18234, table 2 (Fox benchmark, English, precision, Tiny 64 and Small
100 tokens). C3: arXiv 2511.15244.

Results as rows of text: one form for the terminal, Markdown and the report. Pure.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from optimem.text.ages import duration


class Bucket(NamedTuple):
    """A row of the paper's table: text tokens from `first` up to `first` + 100; share right
    and ratio at 64 and at 100 vision tokens."""

    first: int
    right_64: float
    ratio_64: float
    right_100: float
    ratio_100: float


PAPER = (
    Bucket(600, 0.965, 10.5, 0.985, 6.7),
    Bucket(700, 0.938, 11.8, 0.973, 7.5),
    Bucket(800, 0.838, 13.2, 0.968, 8.5),
    Bucket(900, 0.859, 15.1, 0.968, 9.7),
    Bucket(1000, 0.793, 16.5, 0.915, 10.6),
    Bucket(1100, 0.764, 17.7, 0.898, 11.3),
    Bucket(1200, 0.591, 19.7, 0.871, 12.6),
)
C3 = ((20.0, 0.98), (40.0, 0.93))
"""Ratio and share right of text latents."""

DIFFERENCE = (
    "The tasks differ. The published figures are of DeepSeek-OCR on scans of any document, the Fox "
    "benchmark's pages; ours are of the texts named here, cut to as many tokens and drawn by "
    "optimem itself: one font, each character in a known cell. That is much easier, and with "
    "optimem-nano, which reads nothing else, it is why the ratios can be higher."
)


Rows = list[list[str]]
"""A header row, then the others."""


NONE = "—"
"""Stands where there is no figure because there is nothing to measure."""


def parts(result: dict[str, Any], *sorts: str) -> Iterator[dict[str, Any]]:
    """The results of all parts of some sorts, in the order of the run."""
    for name, part in result["parts"].items():
        if name.partition("/")[0] in sorts:
            yield from part if isinstance(part, list) else [part]


def percent(value: float | None, digits: int = 2) -> str:
    """A share; a dash for none. Never rounded up to 100 %."""
    if value is None:
        return "–"
    floor = 100 - 10**-digits
    shown = min(value * 100, floor) if value < 1 else 100.0
    return f"{shown:.{digits}f} %"


def main_table(result: dict[str, Any]) -> Rows:
    """Every kind at every setting."""
    rows = [["text", "setting", "tier", "ratio", "by positions", "characters right", "95 %",
             "word errors", "lines", "ids", "precision", "silent", "calibration",
             "bytes a byte"]]  # fmt: skip
    for part in parts(result, "score", "unreached"):
        if "most" in part:
            rows.append([part["kind"], part["setting"], *[NONE] * (len(rows[0]) - 2)])
            continue
        f = part["figures"]
        right = f["right"]
        rows.append([
            part["kind"], part["setting"], part["tier"], f"{f['ratio']:.1f}×",
            f"{f['ratio_positions']:.1f}×", percent(right["value"]),
            spread(right) if f["pages"] > 1 else NONE,
            percent(f["word_error"]["value"]), percent(f["exact_lines"], 0),
            percent(f["exact_ids"], 0), percent(f["precision"], 1), percent(f["silent"]),
            f"{f['calibration']:.4f}", f"{f['data_bytes'] / f['text_bytes']:.2f}",
        ])  # fmt: skip
    return rows


def spread(interval: dict[str, float]) -> str:
    """The bounds of a share, in per cent."""
    return f"{percent(interval['low'], 1)[:-2]}–{percent(interval['high'], 1)[:-2]}"


def paper_table(result: dict[str, Any]) -> Rows:
    """The form of the paper's table 2, published beside ours; none where no page of the texts
    holds so many tokens."""
    ours = {(p["first"], p["tokens"]): p for p in parts(result, "paper")}
    rows = [["text tokens", "64: published", "at", "64: ours", "precision", "at",
             "100: published", "at", "100: ours", "precision", "at"]]  # fmt: skip
    for row in PAPER:
        line = [f"{row.first}–{row.first + 100}"]
        for tokens, right, ratio in (
            (64, row.right_64, row.ratio_64), (100, row.right_100, row.ratio_100)
        ):  # fmt: skip
            mine = ours[row.first, tokens]
            line += [percent(right, 1), f"{ratio:.1f}×"]
            line += [NONE] * 3 if mine["right"] is None else [
                percent(mine["right"]["value"], 1), percent(mine["precision"], 1),
                f"{mine['ratio']:.1f}×"]  # fmt: skip
        rows.append(line)
    return rows


def baseline_table(result: dict[str, Any]) -> Rows:
    """Characters right of each baseline beside ours; a star where the baseline is as good or
    better."""
    own = [part for part in parts(result, "score", "unreached") if not part["controlled"]]
    compared: dict[str, Any] = next((part["baselines"] for part in own if "baselines" in part), {})
    rows = [["text", "setting", "optimem", *(f"{n} ({b['basis']})" for n, b in compared.items())]]
    for part in own:
        if "most" in part:
            rows.append([part["kind"], part["setting"], *[NONE] * (len(rows[0]) - 2)])
            continue
        cells = [
            percent(b["right"], 1) + (" ★" if b["wins"] else "") for b in part["baselines"].values()
        ]
        ours = percent(part["figures"]["right"]["value"], 1)
        rows.append([part["kind"], part["setting"], ours, *cells])
    return rows


def faded_table(result: dict[str, Any]) -> Rows:
    """The same pages at every age."""
    rows = [["text", "age", "tier", "right", "marked uncertain", "wrong and not marked"]]
    for row in parts(result, "faded"):
        rows.append([
            row["kind"], duration(row["age"]) if row["age"] else "new", ", ".join(row["tiers"]),
            percent(row["right"]), percent(row["marked"]), percent(row["silent"]),
        ])  # fmt: skip
    return rows


def wins(result: dict[str, Any]) -> str:
    """One sentence on where baselines do as well or better."""
    found: dict[str, int] = {}
    total = 0
    for part in parts(result, "score"):
        total += 1
        for name, other in part["baselines"].items():
            found[name] = found.get(name, 0) + other["wins"]
    told = [f"{name} in {count} of {total}" for name, count in found.items() if count]
    return f"As good or better than optimem: {', '.join(told) or 'none of them'}."


def unreached(result: dict[str, Any]) -> str:
    """One sentence on ratios that a kind of text cannot reach; empty if there are none."""
    missed: dict[str, list[dict[str, Any]]] = {}
    for part in parts(result, "unreached"):
        missed.setdefault(part["kind"], []).append(part)
    told = [
        f"{kind} at {' and '.join(part['setting'] for part in found)} (a full page of it at "
        f"{found[0]['tier']} comes to {found[0]['most']:.1f}×)"
        for kind, found in missed.items()
    ]
    return f"{NONE} not reachable: {', '.join(told)}." if told else ""


SHORT = (0, 1, 2, 5, 6, 9, 11)  # columns of the main table that a terminal has room for


def short_table(result: dict[str, Any]) -> Rows:
    """The main table without the columns that a terminal has no room for."""
    return [[row[at] for at in SHORT] for row in main_table(result)]


def document(result: dict[str, Any]) -> str:
    """All tables as Markdown."""
    sections = [
        ("By kind of text", unreached(result), main_table(result)),
        ("The paper's own table", DIFFERENCE, paper_table(result)),
        ("Baselines on the same pages", wins(result), baseline_table(result)),
        ("Faded memory", "", faded_table(result)),
    ]
    return "\n\n".join(
        "\n\n".join(part for part in (f"## {title}", said, markdown(rows)) if part)
        for title, said, rows in sections
    )


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
