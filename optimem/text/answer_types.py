"""What kind of thing a question asks for, and whether a text names one: a number, a time, a place,
a person, a name.

By words and capitals of English; a question of no known kind asks for anything.
"""

import re
from enum import StrEnum

from optimem.text.dates import MONTHS, NUMBERS, WEEKDAYS
from optimem.text.terms import STOP_WORDS


class AnswerType(StrEnum):
    """What is asked for."""

    NUMBER = "number"
    TIME = "time"
    PLACE = "place"
    PERSON = "person"
    NAME = "name"


ASKING = re.compile(
    r"tell|tells|told|say|says|said|mention|mentioned|happen|happened|happens|talk|talked|talks|"
    r"name|names|named|call|called|kind|kinds|sort|type|thing|things|many|much|long|city|town|"
    r"place|person|people|somebody|someone|time|day|date|number|reason"
)
"""Words by which a question asks; an answer seldom repeats them."""

_ASKED = (
    (AnswerType.NUMBER,
     r"\bhow (?:many|much|old|tall|long|far|high|deep|big|heavy|often|large)\b|"
     r"\b(?:what|which)(?: \w+)? (?:number|price|cost|amount|percentage|version|extension|age)\b"),
    (AnswerType.TIME,
     r"\bwhen\b|\b(?:what|which) (?:time|day|date|month|year|weekday|hour)\b"),
    (AnswerType.PLACE,
     r"\bwhere\b|\b(?:what|which) (?:city|town|country|street|place|village|building|airport)\b"),
    (AnswerType.PERSON, r"\bwho\b|\bwhom\b|\bwhose\b"),
    (AnswerType.NAME, r"\bname of\b|\bcalled\b|\bcall\b|\bnames?\b"),
)  # fmt: skip
_PEOPLE = (
    "aunt uncle mother father mum dad sister brother cousin neighbour neighbor friend wife husband "
    "son daughter grandmother grandfather boss doctor teacher colleague nurse host"
)
_CLEAR_MONTHS = [month for month in MONTHS if month not in ("may", "march")]
_HOLDS = {
    AnswerType.NUMBER: re.compile(
        rf"\d|\b(?:{'|'.join(set(NUMBERS) - {'a', 'an', 'one'})}|eleven|thirteen|fourteen|fifteen|"
        r"sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|"
        r"ninety|hundred|thousand|million|dozen|half|twice|none|nobody)\b(?!-)",
        re.IGNORECASE,
    ),
    AnswerType.TIME: re.compile(
        rf"\b(?:{'|'.join((*_CLEAR_MONTHS, *WEEKDAYS))})s?\b|\b(?-i:May|March)\b|"
        r"\b\d{1,2}[:.]\d\d\b|\b(?:19|20)\d\d\b|"
        r"\b\d{1,2}\s?(?:am|pm|o'clock)\b|\b(?:yesterday|today|tonight|tomorrow|morning|noon|"
        r"afternoon|evening|night|midnight|weekend|ago|summer|winter|spring|autumn|"
        r"(?:at|by|since|until) \d+|(?:last|next|this|every) (?:week|month|year|day))\b",
        re.IGNORECASE,
    ),
    AnswerType.PLACE: re.compile(
        r"\b(?:in|at|on|near|outside|inside|behind|to|from|by|into|through|under) "
        r"(?!(?:all|least|most|last|once|first|fact|one|me|you|him|her|it|us|them|this|that|what|be|"
        r"have|do|get|go|see|say|\w+sel(?:f|ves)|\w+ing)\b)\w",
        re.IGNORECASE,
    ),
}  # fmt: skip
_AGO = re.compile(r"\b[\w-]+ (?:minute|hour|day|week|month|year)s? ago\b", re.IGNORECASE)
"""A number that says when, and so is not what is asked for."""
_PERSON = re.compile(rf"\b(?:{'|'.join(_PEOPLE.split())})\b", re.IGNORECASE)
_NO_NAME = re.compile(
    rf"i['’]\w+|{STOP_WORDS.pattern}|(?:{'|'.join((*MONTHS, *WEEKDAYS))})s?|yes|no|well|oh|okay"
)
_CAPITAL = re.compile(r"\b[A-ZÀ-ÖØ-Þ][\w'’-]+")


def asked_for(question: str) -> AnswerType | None:
    """What a question asks for, None for anything."""
    found = (kind for kind, pattern in _COMPILED if pattern.search(question))
    return next(found, None)


def holds(kind: AnswerType, text: str, question: str) -> bool:
    """Whether a text names something of a kind that the question does not name itself."""
    if kind in _HOLDS:
        text = _AGO.sub("", text) if kind is AnswerType.NUMBER else text
        asked = set(re.findall(r"\w+", question.casefold()))
        found = (match[0].casefold() for match in _HOLDS[kind].finditer(text))
        return any(each not in asked for each in found) or (
            kind is AnswerType.PLACE and _names(text, question)
        )
    if kind is AnswerType.PERSON and _PERSON.search(text):
        return True
    return _names(text, question)


def _names(text: str, question: str) -> bool:
    """Whether a text holds a word with a capital that the question does not hold: within a
    sentence, or at its start if a comma or a full stop follows."""
    asked = question.casefold()
    for match in _CAPITAL.finditer(text):
        word, before = match[0].casefold(), text[: match.start()].rstrip()[-1:]
        alone = text[match.end() : match.end() + 1] in (",", ".", "")
        known = word in asked or _NO_NAME.fullmatch(word)
        if not known and (alone or before not in ("", ".", "!", "?", "…", ":")):
            return True
    return False


_COMPILED = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _ASKED)
