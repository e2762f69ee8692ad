"""Which of a long scope's turns the stages score: those that anything speaks for, or, if these are
too many, the `MOST` for which most does.

What speaks for a turn is a rough sum of what the stages look at: the query's terms in it and in its
window, by their rarity, whom it names, when it was said, of which day it tells, what it means. A
turn for which nothing speaks has no score, so up to `MOST` of them narrowing changes nothing.
"""

from dataclasses import replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from optimem.memory.recall.retrieval import TurnRanker
from optimem.memory.recall.stages import UNRELATED, Query, nearness
from optimem.memory.recall.told_days import told

MOST = 4096
"""Turns that the stages score."""
SAMPLE = 16
"""One in so many turns tells about how much support the best have."""


def narrowed(query: Query, since: float, until: float) -> Query:
    """A query of the turns of a time, in seconds, that it may find. The same for a short scope."""
    indexed = query.ranker.indexed
    if len(indexed.turns) <= MOST:
        return query
    support = _support(query)
    if since > -inf or until < inf:
        support[~query.ranker.within(since, until)] = 0.0
    places = _most(support, MOST)
    near = None if query.nearness is None else query.nearness[places]
    return replace(query, ranker=TurnRanker(indexed, places), nearness=near, _counts={})


def _support(query: Query) -> NDArray[np.float32]:
    """What speaks for each turn, (T,); 0 for nothing."""
    indexed = query.ranker.indexed
    own, wanted = np.zeros(len(indexed.turns), np.float32), query.wanted
    for term, rarity in query.ranker.rarity(wanted).items():
        own[indexed.held(term).at] += wanted[term] * rarity / max(sum(wanted.values()), 1.0)
    support = 2 * own
    support[1:] += own[:-1] * indexed.together
    support[:-1] += own[1:] * indexed.together
    for said in query.speakers.values():
        for term in said:
            support[indexed.held(term).at] += 0.5
    for span in query.dates:
        support += nearness(span, indexed.time / 1e6) * (indexed.time != 0)
        for _, places in told(span, indexed.time / 1e6, lambda term: indexed.held(term).at):
            support[places] += 1
    if query.nearness is not None:
        support += np.maximum(query.nearness - UNRELATED, 0)
    return support


def _most(support: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """The places with the most support, ascending; of equal ones the last. A sample says which
    need not be looked at."""
    likely = np.sort(support[::SAMPLE])[-2 * most // SAMPLE :][0]
    places = np.flatnonzero(support >= likely) if likely > 0 else np.zeros(0, np.int64)
    if len(places) < most:
        places = np.flatnonzero(support)
    if len(places) <= most:
        return places
    least = np.partition(support[places], len(places) - most)[len(places) - most]
    above = places[support[places] > least]
    equal = places[support[places] == least]
    return np.sort(np.concatenate([above, equal[len(equal) - (most - len(above)) :]]))
