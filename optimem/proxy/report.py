"""Savings as rows for a terminal, as JSON, and as a page for a browser. Knows no stores."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from typing import Any

from optimem.proxy.savings import Row, Sum, total

HEAD = (
    "day", "model", "mode", "requests", "shortened", "tokens before", "tokens after",
    "cached before", "cached after", "USD before", "USD after", "saved",
)  # fmt: skip
WORDS = 3
"""The first columns, which hold words."""
NARROW = (3, 5, 6, 9, 10, 11)
"""The columns of figures that a terminal has room for."""
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
div { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8886; padding: .35rem .6rem; text-align: right; }
th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left; }
tfoot td { font-weight: 600; }
"""


def savings_rows(sums: Mapping[Row, Sum]) -> list[list[str]]:
    """A header, a row for each day, model and mode, and one for all of them."""
    rows = [[*row, *_figures(found)] for row, found in sums.items()]
    return [[*HEAD], *rows, ["all", "", "", *_figures(total(sums.values()))]]


def narrow_rows(sums: Mapping[Row, Sum]) -> list[list[str]]:
    """The same for a terminal: the words in one column, and fewer figures."""
    return [
        [" ".join(row[:WORDS]).strip(), *(row[column] for column in NARROW)]
        for row in savings_rows(sums)
    ]


def savings_json(sums: Mapping[Row, Sum]) -> dict[str, Any]:
    """The same as JSON."""
    rows = [{**row._asdict(), **asdict(found)} for row, found in sums.items()]
    return {"rows": rows, "all": asdict(total(sums.values()))}


def savings_page(sums: Mapping[Row, Sum]) -> str:
    """The same as a page that needs nothing beside it."""
    head, *rows, last = savings_rows(sums)
    found = total(sums.values())
    shown = "\n".join(_line("td", row) for row in rows)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>optimem: savings</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}</style></head><body>
<h1>What the proxy saved</h1>
<p>{escape(_summary(found))}</p>
<div tabindex="0" role="region" aria-label="Savings"><table>
<thead>{_line("th", head)}</thead>
<tbody>{shown}</tbody>
<tfoot>{_line("td", last)}</tfoot>
</table></div>
<p>Before: the request as it came, with every cached token that the provider may have kept. After:
as it was sent, by the provider's own count where it reported one. USD: of the input.</p>
</body></html>
"""


def _summary(found: Sum) -> str:
    return (
        f"{found.requests:,} requests, {found.shortened:,} of them shortened: "
        f"{found.tokens_before:,} tokens became {found.tokens_after:,}, and "
        f"${found.usd_before:,.2f} became ${found.usd_after:,.2f} "
        f"({found.priced:,} requests have a known price)."
    )


def _figures(found: Sum) -> list[str]:
    share = 1 - found.usd_after / found.usd_before if found.usd_before else None
    return [
        f"{found.requests:,}", f"{found.shortened:,}", f"{found.tokens_before:,}",
        f"{found.tokens_after:,}", f"{found.cached_before:,}", f"{found.cached_after:,}",
        f"{found.usd_before:.4f}" if found.priced else "unknown",
        f"{found.usd_after:.4f}" if found.priced else "unknown",
        f"{share:.0%}" if share is not None else "-",
    ]  # fmt: skip


def _line(tag: str, cells: Sequence[str]) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    return f"<tr>{''.join(f'<{tag}{scope}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
