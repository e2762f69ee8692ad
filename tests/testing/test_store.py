"""The in-memory store passes the suite of all stores, but for what needs several processes."""

from collections.abc import Callable

import pytest

from optimem.testing import InMemoryStore
from tests.store import conformance, sharing


class TestInMemoryStore(conformance.StoreSuite):
    """An address names one store for the length of a test."""

    test_processes_lose_no_increment = None  # type: ignore[assignment]
    test_a_store_crosses_a_fork = None  # type: ignore[assignment]

    @pytest.fixture(autouse=True)
    def url(self, monkeypatch: pytest.MonkeyPatch) -> str:
        opened = opener()
        for module in (conformance, sharing):
            monkeypatch.setattr(module, "open_store", opened)
        return "memory"


def opener() -> Callable[..., InMemoryStore]:
    """What opens the store at an address, as `open_store` does."""
    stores: dict[str, InMemoryStore] = {}

    def open_store(url: str, *, timeout: float = 5.0) -> InMemoryStore:
        return stores.setdefault(url, InMemoryStore())

    return open_store
