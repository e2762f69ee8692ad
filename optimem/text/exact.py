"""What must come back to the letter or not at all: exact values (ids, hashes, numbers, paths,
addresses), and the names that a text turns on. Knows nothing of pages.
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
"""Bounded where it looks ahead, so that a text without spaces takes no longer than another."""

TELLING = re.compile(r"\b[^\W\d_]\w*(?:[_’'-]\w+)*|\d+|[%‰°€$£¥]")
"""Words, of which `kept_values` takes some, numbers of one digit, and what numbers are told in."""


def exact_values(text: str) -> list[tuple[int, int]]:
    """Start and end of every exact value in a text, in order."""
    return [match.span() for match in EXACT.finditer(text)]


def kept_values(text: str) -> list[tuple[int, int]]:
    """Exact values, and between them what a text turns on besides: names and other words with a
    capital letter, identifiers such as `max_tokens`, single digits and units; in order, none
    overlapping."""
    kept, at = [], 0
    for start, end in [*exact_values(text), (len(text), len(text))]:
        found = TELLING.finditer(text, at, start)
        kept += [match.span() for match in found if _is_telling(match.group())]
        kept += [(start, end)] if start < end else []
        at = end
    return kept


def _is_telling(word: str) -> bool:
    return word != word.lower() or "_" in word or not word[0].isalpha()
