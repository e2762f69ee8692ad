"""The parts of a text that must come back verbatim or not at all: exact values (ids, hashes,
numbers, paths, addresses) and names. Knows nothing of pages.
"""

import re

EXACT = re.compile(
    r"""
    \b[A-Za-z][A-Za-z0-9+.-]{1,9}://[^\s<>"']+              # addresses
  | (?<![\w.+-])[\w.+-]{1,64}@[\w-]+\.[\w.-]+\w            # e-mail
  | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b  # UUIDs
  | (?<![\w+/])(?=[\w+/]{0,99}\d)(?=[\w+/]{0,99}[A-Z])[A-Za-z0-9+/]{20,}={0,2}  # base64
  | (?:[A-Za-z]:)?(?:[/\\][\w.@-]+){2,}                    # paths
  | \b(?=[\w-]{0,99}\d)(?=[\w-]{0,99}[A-Za-z])[\w-]{6,}\b  # ids: letters and digits
  | [+$€£]?\d[\d.,:/-]*\d                                   # numbers, dates, times, versions
    """,
    re.VERBOSE,
)
"""Its lookaheads are bounded, so that a text without spaces takes no longer than another."""

WORD_OR_UNIT = re.compile(r"\b[^\W\d_]\w*(?:[_’'-]\w+)*|\d+|[%‰°€$£¥]")
"""Words, single digits, and the signs of units and currencies."""


def exact_values(text: str) -> list[tuple[int, int]]:
    """Start and end of every exact value in a text, in order."""
    return [match.span() for match in EXACT.finditer(text)]


def kept_values(text: str) -> list[tuple[int, int]]:
    """Exact values and, between them, names and other words with a capital letter, identifiers
    such as `max_tokens`, single digits and units: start and end of each, in order, without
    overlaps."""
    kept, at = [], 0
    for start, end in [*exact_values(text), (len(text), len(text))]:
        found = WORD_OR_UNIT.finditer(text, at, start)
        kept += [match.span() for match in found if _is_kept(match.group())]
        kept += [(start, end)] if start < end else []
        at = end
    return kept


def _is_kept(word: str) -> bool:
    return word != word.lower() or "_" in word or not word[0].isalpha()
