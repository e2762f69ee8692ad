"""What is asked of a recall, checked at the edge. Knows nothing of how turns are found."""

from dataclasses import dataclass
from math import inf

from optimem.errors import InputError
from optimem.times import Time, as_seconds

USUAL = 5
"""Turns that are recalled if neither a number of them nor a budget is given."""
MOST = 200
"""Turns that are looked at to fill a budget."""


@dataclass(frozen=True)
class Request:
    """A query and what to give back. `k`: turns that match, at most. `budget`: tokens of all texts
    together, None for no limit. `since`, `until`: when turns were said, in seconds since the epoch,
    both included. `preceding`, `following`: turns given with each that matches. `refresh`: pages
    that are recalled fade later. Raises InputError for an empty query and for numbers that are
    none."""

    query: str
    k: int = USUAL
    budget: int | None = None
    since: float = -inf
    until: float = inf
    preceding: int = 0
    following: int = 0
    refresh: bool = True

    def __post_init__(self) -> None:
        least = ((self.k, 1), (self.preceding, 0), (self.following, 0), (self.budget or 1, 1))
        right = all(isinstance(given, int) and given >= low for given, low in least)
        if not right or self.budget == 0 or not _is_question(self.query):
            raise InputError(
                f"cannot recall {self.k!r} turns for {self.query!r:.200} with {self.preceding!r} "
                f"before and {self.following!r} after each in {self.budget!r} tokens; give a "
                "question, k ≥ 1, preceding and following ≥ 0, and a budget ≥ 1 or None"
            )
        if self.since > self.until:
            raise InputError(
                f"since={self.since:.0f} is after until={self.until:.0f}; give the earlier first"
            )

    @classmethod
    def of(
        cls,
        query: str,
        k: int | None = None,
        *,
        budget: int | None = None,
        since: Time | None = None,
        until: Time | None = None,
        preceding: int | None = None,
        following: int | None = None,
        refresh: bool = True,
    ) -> "Request":
        """A request with what is usual for what is not given: with a budget, as many turns as it
        holds, each with one before and one after it; without, `USUAL` turns alone."""
        beside = 0 if budget is None else 1
        return cls(
            query,
            (USUAL if budget is None else MOST) if k is None else k,
            budget,
            -inf if since is None else as_seconds(since, "since"),
            inf if until is None else as_seconds(until, "until"),
            beside if preceding is None else preceding,
            beside if following is None else following,
            refresh,
        )


def _is_question(query: object) -> bool:
    return isinstance(query, str) and bool(query.strip())
