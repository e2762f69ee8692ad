"""Exact values: what must come back to the letter or not at all (ids, hashes, numbers, paths,
addresses). Knows nothing of pages."""

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


def exact_values(text: str) -> list[tuple[int, int]]:
    """Start and end of every exact value in a text, in order."""
    return [match.span() for match in EXACT.finditer(text)]
