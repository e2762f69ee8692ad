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

HARD = 6
RUN = re.compile(r"[A-Za-z0-9]+")
YEAR = re.compile(r"(?:19|20)\d\d")
NUMBERED_WORD = re.compile(r"[A-Za-z]+\d{1,3}|\d{1,3}[a-z]{1,2}")
"""Such as sha256, python3 and 100ms."""
CASE_CHANGE = re.compile(r"[a-z][A-Z]")
"""Names in code have some; random letters more."""


def exact_values(text: str) -> list[tuple[int, int]]:
    """Start and end of every exact value in a text, in order."""
    return [match.span() for match in EXACT.finditer(text)]


def hard_values(text: str) -> list[tuple[int, int]]:
    """Start and end of those exact values that a reader of small print could get wrong: with at
    least `HARD` characters that nothing around them gives away. Paths and addresses made of words,
    short numbers, times and dates are not among them."""
    return [(start, end) for start, end in exact_values(text) if _random(text[start:end]) >= HARD]


def _random(value: str) -> int:
    """How many characters of a value nothing around them gives away."""
    return sum(map(_random_in_run, RUN.findall(value)))


def _random_in_run(run: str) -> int:
    if YEAR.fullmatch(run):
        return 1
    digits = sum(char.isdigit() for char in run)
    if NUMBERED_WORD.fullmatch(run) or run.isdigit():
        return digits
    cases = len(CASE_CHANGE.findall(run))
    initials = run.isupper() and len(run) < HARD
    return len(run) if digits or initials or cases > len(run) / 4 else 0


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
