"""A memory, as agents' tests have it."""

from tests.adapters.conftest import memory as memory
