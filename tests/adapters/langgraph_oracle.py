"""LangGraph's InMemoryStore as the oracle: random operations, and the results they must have."""

from typing import Any

from hypothesis import strategies as st
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from optimem.adapters import OptimemStore
from optimem.testing import ManualClock

LABELS = st.sampled_from(["a", "b", "ab", "a/b", "a%2Fb", ":", "é"])
NAMESPACES = st.lists(LABELS, min_size=1, max_size=3).map(tuple)
KEYS = st.sampled_from(["k", "l", "/", "", "a//b"])
SMALL = st.sampled_from([0, 1, 2.5, -1, True, None, "1", "b", "x"])
VALUES = st.fixed_dictionaries(
    {}, optional={"n": st.integers(0, 3), "s": SMALL, "d": st.dictionaries(st.just("x"), SMALL),
                  "l": st.lists(SMALL, max_size=2)},
)  # fmt: skip
OPERATORS = st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"])
CONDITIONS = SMALL | st.dictionaries(OPERATORS, SMALL, min_size=1, max_size=2)
FILTERS = st.none() | st.dictionaries(
    st.sampled_from(["n", "s", "d", "l", "z"]), CONDITIONS | VALUES
)
PATTERNS = st.lists(LABELS | st.just("*"), max_size=2).map(tuple)
MATCHES = st.builds(MatchCondition, st.sampled_from(["prefix", "suffix"]), PATTERNS)
NONE = st.none()
COUNTS = st.integers(0, 4)
OPERATIONS = st.one_of(
    st.builds(PutOp, NAMESPACES, KEYS, VALUES, NONE, NONE),
    st.builds(PutOp, NAMESPACES, KEYS, VALUES, NONE, NONE),
    st.builds(PutOp, NAMESPACES, KEYS, NONE, NONE, NONE),
    st.builds(GetOp, NAMESPACES, KEYS),
    st.builds(SearchOp, NAMESPACES | st.just(()), FILTERS, COUNTS, COUNTS, NONE),
    st.builds(ListNamespacesOp, st.none() | st.lists(MATCHES, max_size=2).map(tuple),
              st.none() | st.integers(1, 3), COUNTS, COUNTS),
)  # fmt: skip
BATCHES = st.lists(st.lists(OPERATIONS, max_size=8), min_size=1, max_size=6)


class Oracle:
    """LangGraph's InMemoryStore, made to answer as its stores on disk do: the latest put comes
    first, and a namespace without items is not listed."""

    def __init__(self) -> None:
        self.store = InMemoryStore()
        self.put: dict[tuple[tuple[str, ...], str], int] = {}

    def batch(self, ops: list[Any], step: int) -> list[Any]:
        results = [self._read(op) for op in ops]
        self.store.batch([op for op in ops if isinstance(op, PutOp)])
        for op in ops:
            if isinstance(op, PutOp):
                self.put[op.namespace, op.key] = step
                if op.value is None:
                    self.put.pop((op.namespace, op.key))
        return results

    def _read(self, op: Any) -> Any:
        if isinstance(op, SearchOp):
            try:
                (found,) = self.store.batch([op._replace(limit=1000, offset=0)])
            except (TypeError, ValueError):  # it cannot compare these; ours finds nothing
                return None
            found.sort(key=lambda i: (-self.put[i.namespace, i.key], i.namespace, i.key))
            return [fields(item) for item in found[op.offset : op.offset + op.limit]]
        if isinstance(op, ListNamespacesOp):
            held = InMemoryStore()
            for namespace, key in self.put:
                held.put(namespace, key, {})
            return held.batch([op])[0]
        return fields(self.store.batch([op])[0]) if isinstance(op, GetOp) else None


def fields(item: Any) -> Any:
    return item and (item.namespace, item.key, item.value)


def agree(store: OptimemStore, clock: ManualClock, batches: list[list[Any]]) -> None:
    oracle = Oracle()
    for step, ops in enumerate(batches):
        clock.now += 1
        expected = oracle.batch(ops, step)
        for op, ours, theirs in zip(ops, store.batch(ops), expected, strict=True):
            if isinstance(op, SearchOp):
                assert ours is not None
                assert theirs is None or [fields(item) for item in ours] == theirs
            elif isinstance(op, GetOp):
                assert fields(ours) == theirs
            else:
                assert ours == theirs
