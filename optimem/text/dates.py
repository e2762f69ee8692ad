"""Dates that a question names, as spans of time: "last Friday", "in May", "on 8 May 2023", "since
March", "two weeks ago".

English; days, weeks and months are those of UTC. Knows nothing of turns but the times between which
they were said, which tell the year where none is named.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september",
          "october", "november", "december")  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
           "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12}  # fmt: skip
UNIT_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4, "year": 365.25}
DAY = timedelta(days=1)


class DateSpan(NamedTuple):
    """A span of time, from `start` up to `end`, in seconds since the epoch, either of which may be
    infinite. `text`: the words that name it."""

    start: float
    end: float
    text: str

    def distance(self, time: float) -> float:
        """Seconds from the span to a time: 0 inside, less than 0 before, more after."""
        return min(time - self.start, 0.0) + max(time - self.end, 0.0)


class Known(NamedTuple):
    """What dates are resolved against: the time of the question, and of the first and last turn."""

    now: datetime
    first: datetime
    last: datetime

    @property
    def today(self) -> datetime:
        """The day of the question."""
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    def years(self) -> list[int]:
        """The years of the turns; that of the question if there are none."""
        return [*range(self.first.year, self.last.year + 1)] or [self.now.year]


Span = tuple[datetime, datetime]
Reader = Callable[[re.Match[str], Known], list[Span]]


def find_dates(text: str, now: float, first: float, last: float) -> list[DateSpan]:
    """The spans that a text names, in any order. `now`: when it is said; `first`, `last`: the times
    of the first and the last turn. A date without a year is that of every year of the turns. What
    cannot be a date, such as 31 February, is left out."""
    known = Known(*map(_utc, (now, first, last)))
    found = list[DateSpan]()
    for pattern, read in _PATTERNS:
        for match in pattern.finditer(text):
            try:
                spans = read(match, known)
            except (ValueError, OverflowError):
                continue
            found += [_bounded(text, match, span) for span in spans]
            text = text[: match.start()] + "\0" * len(match[0]) + text[match.end() :]
    return found


def _bounded(text: str, match: re.Match[str], span: Span) -> DateSpan:
    """A span as "since", "after", "before" or "until" in front of it bounds it."""
    start, end = (each.timestamp() for each in span)
    at = match.start("date") if "date" in match.re.groupindex else match.start()
    bound = _BOUND.search(text, 0, at)
    word = bound[1].lower() if bound else ""
    shown = text[bound.start() if bound else at : match.end()]
    if word in ("since", "from"):
        return DateSpan(start, float("inf"), shown)
    if word == "after":
        return DateSpan(end, float("inf"), shown)
    if word in ("before", "until", "till"):
        return DateSpan(float("-inf"), start if word == "before" else end, shown)
    return DateSpan(start, end, shown)


def _iso(match: re.Match[str], known: Known) -> list[Span]:
    day = match["iday"]
    start = datetime(int(match["iyear"]), int(match["imonth"]), int(day or 1), tzinfo=UTC)
    return [(start, start + DAY)] if day else [_month(start.year, start.month)]


def _day_of_month(match: re.Match[str], known: Known) -> list[Span]:
    month, day, year = _month_number(match["month"]), int(match["day"]), match["year"]
    spans = list[Span]()
    for each in [int(year)] if year else known.years():
        if _exists(each, month, day):
            start = datetime(each, month, day, tzinfo=UTC)
            spans.append((start, start + DAY))
    return spans


def _month_of_year(match: re.Match[str], known: Known) -> list[Span]:
    month, year = _month_number(match["month"]), match["year"]
    return [_month(each, month) for each in ([int(year)] if year else known.years())]


def _year(match: re.Match[str], known: Known) -> list[Span]:
    year = int(match["year"])
    return [(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))]


def _named_day(match: re.Match[str], known: Known) -> list[Span]:
    words = match[0].lower()
    back = 2 if "before yesterday" in words else int("yesterday" in words or "last" in words)
    start = known.today - DAY * back
    return [(start, start + DAY)]


def _weekday(match: re.Match[str], known: Known) -> list[Span]:
    """The last day of that name, today not included."""
    wanted = WEEKDAYS.index(match["weekday"].lower())
    back = (known.today.weekday() - wanted) % 7 or 7
    start = known.today - DAY * back
    return [(start, start + DAY)]


def _whole_unit(match: re.Match[str], known: Known) -> list[Span]:
    """This or the last week, weekend, month or year."""
    last, unit = match["which"].lower() != "this", match["unit"].lower()
    monday = known.today - DAY * known.today.weekday()
    if unit == "week":
        start = monday - DAY * 7 * last
        return [(start, start + DAY * 7)]
    if unit == "weekend":
        start = monday + DAY * (5 - 7 * (last or known.today.weekday() < 5))
        return [(start, start + DAY * 2)]
    if unit == "month":
        return [_month(*divmod_month(known.today.year, known.today.month - last))]
    year = known.today.year - last
    return [(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))]


def _ago(match: re.Match[str], known: Known) -> list[Span]:
    """A number of units ago: as much around it as the unit leaves open."""
    days = UNIT_DAYS[match["unit"].lower()]
    middle = known.now - timedelta(days=_number(match["count"]) * days)
    around = timedelta(days=days / 2)
    return [(middle - around, middle + around)]


def _recent(match: re.Match[str], known: Known) -> list[Span]:
    days = _number(match["count"]) * UNIT_DAYS[match["unit"].lower()]
    return [(known.now - timedelta(days=days), known.now)]


def divmod_month(year: int, month: int) -> tuple[int, int]:
    """A month that may be 0 or less as year and month."""
    years, index = divmod(month - 1, 12)
    return year + years, index + 1


def _month(year: int, month: int) -> Span:
    after = divmod_month(year, month + 1)
    return datetime(year, month, 1, tzinfo=UTC), datetime(*after, 1, tzinfo=UTC)


def _month_number(name: str) -> int:
    short = name.lower()[:3]
    return next(at for at, month in enumerate(MONTHS, 1) if month.startswith(short))


def _number(text: str) -> float:
    word = text.lower()
    if word in ("few", "a few", "several"):
        return 4
    if "couple" in word:
        return 2
    return NUMBERS[word] if word in NUMBERS else int(word)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        datetime(year, month, day)
    except ValueError:
        return False
    return True


def _utc(seconds: float) -> datetime:
    """A time as far as the calendar goes."""
    return datetime.fromtimestamp(min(max(seconds, -6e10), 2.5e11), UTC)


def _compiled() -> Iterator[tuple[re.Pattern[str], Reader]]:
    names = [*MONTHS, *(month[:3] for month in MONTHS), "sept"]
    month = rf"(?P<month>{'|'.join(names)})\.?"
    clear = (
        rf"(?P<month>{'|'.join(name for name in names if name not in ('may', 'mar', 'march'))})\.?"
    )
    day, year = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?:,?\s+(?:of\s+)?(?P<year>(?:19|20)\d\d))?"
    numbers = rf"(?P<count>\d{{1,3}}|a\s+few|few|several|(?:a\s+)?couple\s+of|{'|'.join(NUMBERS)})"
    unit = r"(?P<unit>day|week|month|year)s?"
    # "May" and "March" are months, and 2022 is a year, only where something says so.
    said = r"\b(?:in|of|last|this|since|from|until|till|after|before|during|early|late)\s+"
    table: tuple[tuple[str, Reader], ...] = (
        (r"\b(?P<iyear>(?:19|20)\d\d)-(?P<imonth>\d\d)(?:-(?P<iday>\d\d))?\b", _iso),
        (rf"\b{day}\s+(?:of\s+)?{month}\b{year}", _day_of_month),
        (rf"\b{month}\s+{day}\b{year}", _day_of_month),
        (rf"\b{month}\s+(?:of\s+)?(?P<year>(?:19|20)\d\d)\b", _month_of_year),
        (rf"\b{clear}\b(?P<year>)", _month_of_year),
        (rf"{said}(?P<date>(?P<month>may|march)\b(?P<year>))", _month_of_year),
        (rf"{said}(?P<date>(?P<year>(?:19|20)\d\d)\b)", _year),
        (
            r"\b(?:the\s+day\s+before\s+yesterday|yesterday|today|tonight|last\s+night)\b",
            _named_day,
        ),
        (r"\bthis\s+(?:morning|afternoon|evening)\b", _named_day),
        (rf"\b(?:last|past|on|this)\s+(?P<weekday>{'|'.join(WEEKDAYS)})\b", _weekday),
        (r"\b(?P<which>last|past|this)\s+(?P<unit>weekend|week|month|year)\b", _whole_unit),
        (rf"\b{numbers}\s+{unit}\s+ago\b", _ago),
        (rf"\b(?:last|past)\s+{numbers}\s+{unit}\b", _recent),
    )
    for pattern, read in table:
        yield re.compile(pattern, re.IGNORECASE), read


_BOUND = re.compile(r"\b(since|from|after|before|until|till)\s+(?:the\s+)?\Z", re.IGNORECASE)
_PATTERNS = tuple(_compiled())
"""What names dates, those first that say most; what one has read, no other reads."""
