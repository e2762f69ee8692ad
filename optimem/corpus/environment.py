"""The environment of processes that are started: its variables, and how many cores there are."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def variables(given: Mapping[str, str]) -> Iterator[None]:
    """Variables for what is imported or started in a block; afterwards all is as before."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
