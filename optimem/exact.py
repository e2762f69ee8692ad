"""What must come back to the letter or not at all: exact values (ids, hashes, numbers, paths,
addresses), and the names that a text turns on. Knows nothing of pages."""

import re

EXACT = re.compile(
    r"""
    \b[A-Za-z][A-Za-z0-9+.-]{1,9}://[^\s<>"']+              # addresses
  | (?<![\w.+-])[\w.+-]{1,64}@[\w-]+\.[\w.-]+\w            # e-mail
  | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b  # UUIDs
  | (?:[A-Za-z]:)?(?:[/\\][\w.@-]+){2,}                    # paths
  | \b(?=[\w-]{0,99}\d)(?=[\w-]{0,99}[A-Za-z])[\w-]{6,}\b  # ids: letters and digits
  | [+$€£]?\d[\d.,:/-]*\d                                   # numbers, dates, times, versions
    """,
    re.VERBOSE,
)
"""Bounded where it looks ahead, so that a text without spaces takes no longer than another."""

NAME = re.compile(r"\b[^\W\d_]\w*(?:[_’'-]\w+)*")
"""Words, of which `is_name` keeps some."""
SENTENCE_ENDS = '.!?:\n"“”«»#*|>'
"""Before a word that would be capitalised anyway."""


def exact_values(text: str) -> list[tuple[int, int]]:
    """Start and end of every exact value in a text, in order."""
    return [match.span() for match in EXACT.finditer(text)]


def kept_values(text: str) -> list[tuple[int, int]]:
    """Exact values, and between them names: words that are capitalised within a sentence, and
    identifiers such as `max_tokens`, `maxTokens` and `HTTP`; in order, none overlapping."""
    kept, at = [], 0
    for start, end in [*exact_values(text), (len(text), len(text))]:
        found = NAME.finditer(text, at, start)
        kept += [match.span() for match in found if is_name(text, *match.span())]
        kept += [(start, end)] if start < end else []
        at = end
    return kept


def is_name(text: str, start: int, end: int) -> bool:
    """Whether a word of a text is a name."""
    rest = text[start + 1 : end]
    if "_" in rest or any(map(str.isupper, rest)):
        return True
    before = text[max(start - 20, 0) : start].rstrip(" ")
    return text[start].isupper() and bool(before) and before[-1] not in SENTENCE_ENDS
