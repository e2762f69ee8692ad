"""The parts of a text that must come back verbatim or not at all: exact values (ids, hashes,
numbers, paths, addresses), names and code. Knows nothing of pages.
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


FENCED = re.compile(r"^(```|~~~).*\n(?:.*\n)*?\1.*$|`[^`\n]+`", re.MULTILINE)
"""Code as Markdown marks it: blocks, and words between backticks."""
CODE_SIGN = re.compile(r"[{}\[\];=<>\\|&*+_^~]|(?<=\w)\(|\)(?=[;:,.)\]]|\Z)")
CODE_SIGNS = 0.06
"""Share of such signs among a line's characters, blanks left out, from which it counts as code."""
INDENTED = re.compile(r"(?: {4}|\t)")
FEW_WORDS = 3
"""Words up to which an indented line counts as code without any signs."""


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


def code_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of all code in a text, in order: what Markdown marks, and lines that look like
    it."""
    marked, lines, start = [match.span() for match in FENCED.finditer(text)], [], 0
    for line in text.splitlines(keepends=True):
        if _looks_like_code(line):
            lines.append((start, start + len(line)))
        start += len(line)
    return _merged([*marked, *lines])


def kept_values(text: str) -> list[tuple[int, int]]:
    """Code, exact values and, between them, names and other words with a capital letter,
    identifiers such as `max_tokens`, single digits and units: start and end of each, in order,
    without overlaps."""
    kept, at = list[tuple[int, int]](), 0
    for start, end in [*_merged([*code_spans(text), *exact_values(text)]), (len(text), len(text))]:
        found = WORD_OR_UNIT.finditer(text, at, start)
        kept += [match.span() for match in found if _is_kept(match.group())]
        kept += [(start, end)] if start < end else []
        at = end
    return kept


def _looks_like_code(line: str) -> bool:
    signs, characters = len(CODE_SIGN.findall(line)), len("".join(line.split()))
    if INDENTED.match(line) and characters and (signs or len(line.split()) <= FEW_WORDS):
        return True
    return signs > 1 and signs >= CODE_SIGNS * characters


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that overlap as one."""
    merged = list[tuple[int, int]]()
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _is_kept(word: str) -> bool:
    return word != word.lower() or "_" in word or not word[0].isalpha()
