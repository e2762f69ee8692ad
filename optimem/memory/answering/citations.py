"""What a model's reply rests on: whether it declines, which passages it cites, and whether these
bear it out as far as words can tell.

A citation is dropped if there is no such passage, or if its sentence shares no word with the
passage but does with another: a wrong number. Where a sentence shares words with none, as in
another language than the passages, nothing can be told, and it stands.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from optimem.memory.recall.snippets import sentences
from optimem.text.terms import terms

_CITATION = re.compile(r"\s?\[(\d+(?:\s*[,;]\s*\d+)*)\]")
_LATE = re.compile(rf"(?:{_CITATION.pattern})+\s*")
_THOUGHTS = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_MARKER_WRAPPING = " \t\n.!*_`\"'“”[]()"
_SAYS_NOTHING = frozenset(terms("yes yeah sure indeed correct true false ok okay"))
"""Terms of a reply that no passage needs to share."""


class Checked(NamedTuple):
    """A reply without the citations that were dropped. `cited`, `dropped`: their numbers, each
    once, ascending. `shares`: whether it has a word in common with a passage, or says nothing."""

    text: str
    cited: list[int]
    dropped: list[int]
    shares: bool


def without_thoughts(reply: str) -> str:
    """A reply without what a model thought before it, as far as it marks that off."""
    return _THOUGHTS.sub("", reply).strip()


def declines(reply: str, marker: str, passages: int) -> bool:
    """Whether a reply says that the answer is not in the prompt's `passages`: it starts with the
    marker, or contains it and cites nothing."""
    upper = reply.upper()
    starts = upper.lstrip(_MARKER_WRAPPING).startswith(marker)
    return starts or (marker in upper and not cited_numbers(reply, passages))


def cited_numbers(reply: str, passages: int) -> list[int]:
    """The numbers from 1 to `passages` that a reply cites, ascending."""
    numbers = {number for match in _CITATION.finditer(reply) for number in _numbers(match)}
    return sorted(numbers & set(range(1, passages + 1)))


def check_citations(reply: str, passages: Sequence[str]) -> Checked:
    """Compare a reply with the texts of the passages, which are numbered from 1."""
    held = [frozenset(terms(text)) for text in passages]
    cited, dropped, parts = set[int](), set[int](), list[str]()
    for part, claim in _claims(reply):
        bearing = {n for n, each in enumerate(held, 1) if each & claim}
        given = {number for match in _CITATION.finditer(part) for number in _numbers(match)}
        kept = given & set(range(1, len(held) + 1))
        if bearing:
            kept &= bearing
        cited |= kept
        dropped |= given - kept
        parts.append(_with_citations(part, kept))
    said = frozenset(terms(_CITATION.sub("", reply))) - _SAYS_NOTHING
    shares = not said or any(said & each for each in held)
    return Checked("".join(parts).strip(), sorted(cited), sorted(dropped), shares)


def _claims(reply: str) -> Iterator[tuple[str, frozenset[int]]]:
    """The sentences of a reply, each with the terms that its citations must bear out: where it
    is nothing but citations, those of the sentence before."""
    claim = frozenset[int]()
    for start, end in sentences(reply):
        part = reply[start:end]
        late = _LATE.match(part)
        if late:  # after the full stop of the sentence before
            yield late[0], claim
            part = part[late.end() :]
        claim = frozenset(terms(_CITATION.sub("", part))) or claim
        yield part, claim


def _with_citations(text: str, kept: set[int]) -> str:
    """A text with no other numbers in its citations than these."""

    def cut(match: re.Match[str]) -> str:
        numbers = _numbers(match)
        left = [number for number in numbers if number in kept]
        if left == numbers:
            return match[0]
        space = match[0][: match[0].index("[")]
        return f"{space}[{', '.join(map(str, left))}]" if left else ""

    return _CITATION.sub(cut, text)


def _numbers(match: re.Match[str]) -> list[int]:
    return [int(number) for number in re.split(r"\s*[,;]\s*", match[1])]
