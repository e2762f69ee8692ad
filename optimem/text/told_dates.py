"""What "yesterday", "last Friday" and "two weeks ago" mean in a text that was said at a known time.

English; days are those of UTC. Absolute dates need no help and are left alone.
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from optimem.text.dates import DateSpan, find_dates

DAY = 86_400.0
EARLIEST, LATEST = -6e10, 2.5e11
"""Seconds since the epoch: as far as the calendar goes."""

_RELATIVE = re.compile(
    r"(?:the day before yesterday|yesterday|today|tonight|(?:last|past)\s.+|.+\sago|"
    r"this\s(?:morning|afternoon|evening|week|weekend|month|year))\Z",
    re.IGNORECASE,
)
_BOUND = re.compile(r"\A(?:since|from|after|before|until|till)\s+(?:the\s+)?\b", re.IGNORECASE)
_TOMORROW = re.compile(r"\btomorrow\b", re.IGNORECASE)


class ToldDate(NamedTuple):
    """A time as a text names it. `text`: the words. `shown`: the date that they mean, such as
    "Friday, 8 May 2026", "about 1 May 2026" or "April 2026". `start`, `end`: in seconds since the
    epoch."""

    text: str
    shown: str
    start: float
    end: float


def told_dates(text: str, said: float) -> list[ToldDate]:
    """The relative dates in a text said at `said`, in seconds since the epoch, in the order of the
    text; a bound such as "since" is left out of the words."""
    said = min(max(said, EARLIEST), LATEST)
    found = [_told(span, said) for span in find_dates(text, said, said, said)]
    told = [each for each in found if each is not None]
    tomorrow = _TOMORROW.search(text)
    if tomorrow:
        start = (said // DAY + 1) * DAY
        told.append(ToldDate(tomorrow[0], _day(start), start, start + DAY))
    spaced = " ".join(text.split())
    return sorted(told, key=lambda date: spaced.find(date.text))


def _told(span: DateSpan, said: float) -> ToldDate | None:
    named = " ".join(span.text.split())
    words = _BOUND.sub("", named, count=1)
    if not _RELATIVE.match(words):
        return None
    if words != named:  # bounded: the date itself is that of the words alone
        span = find_dates(words, said, said, said)[0]
    return ToldDate(words, _shown(words, span.start, span.end), span.start, span.end)


def _shown(words: str, start: float, end: float) -> str:
    """A span as people write it, as precisely as the words name it."""
    days, ago = (end - start) / DAY, words.lower().endswith("ago")
    middle = (start + end) / 2
    if days < 1.5:
        return _day(middle)
    if re.search(r"\d|\b(?:few|several|couple)|\b(?:last|past)\s+\w+\s+\w+s\b", words) and not ago:
        return f"since {_short(start)}"
    if days < 2.5:
        return f"the weekend of {_day(start)}"
    if days < 8:
        return f"about {_short(middle)}" if ago else f"the week of {_day(start)}"
    if days < 32:
        return f"{'about ' * ago}{_time(middle):%B %Y}"
    return f"{'about ' * ago}{_time(middle).year}"


def day_shown(time: float) -> str:
    """The day of a time in seconds since the epoch, such as "Friday, 8 May 2026"."""
    return _day(time)


def _day(time: float) -> str:
    return f"{_time(time):%A}, {_short(time)}"


def _short(time: float) -> str:
    day = _time(time)
    return f"{day.day} {day:%B %Y}"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, EARLIEST), LATEST), UTC)
