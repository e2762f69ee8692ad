"""A provider, and the proxy in front of it in mode "off"."""

from collections.abc import Iterator

import pytest

from optimem.proxy.app import Proxy
from optimem.proxy.settings import ProxySettings
from optimem.testing import open_memory
from tests.proxy.upstream import Upstream, provider, served


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with provider() as found:
        yield found


@pytest.fixture
def off(upstream: Upstream) -> Iterator[str]:
    """The proxy's URL."""
    upstreams = {"openai": upstream.url, "anthropic": upstream.url}
    settings = ProxySettings(upstreams=upstreams, mode="off")
    with open_memory() as memory, served(Proxy(memory, settings)) as url:
        yield url
