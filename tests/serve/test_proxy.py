"""The proxy as a door of the service: behind its keys, and each key with a memory of its own."""

import json

import pytest

from optimem.cli.serve import _proxy_settings
from optimem.errors import InputError
from optimem.proxy.settings import ProxySettings
from optimem.serve.proxy import ProxyDoor
from optimem.testing import open_memory
from tests.proxy.conftest import upstream as upstream
from tests.proxy.talks import LONG, PATHS, body_of, exchanges
from tests.proxy.upstream import Upstream
from tests.serve.client import KEYS, SHOP, WORK, client

PATH = "/proxy/openai" + PATHS["openai"]


async def test_requests_pass_behind_the_keys_of_the_service(upstream: Upstream) -> None:
    memory = open_memory()
    door = ProxyDoor(memory, ProxySettings(upstreams={"openai": upstream.url}, deadline=60))
    body = json.dumps(body_of("openai", exchanges(LONG))).encode()
    async with client(memory, [door], keys=KEYS) as service:
        theirs = {"Authorization": "Bearer sk-theirs"}
        assert (await service.post(PATH, content=body, headers=theirs)).status_code == 401
        assert not upstream.requests
        for key in (WORK, SHOP):
            headers = {**theirs, "x-optimem-key": key}
            answer = await service.post(PATH + "?x=1", content=body, headers=headers)
            assert answer.status_code == 200
            assert answer.headers["x-optimem-mode"] == "recall"
            assert upstream.last.line.startswith("POST /v1/chat/completions?x=1 ")
            assert dict(upstream.last.sent)["authorization"] == "Bearer sk-theirs"
            assert key not in str(upstream.last)
    names = {scope.namespace for scope in memory.store.scopes()}
    assert {"work", "shop"} <= names


def test_the_options_of_the_proxy_are_checked() -> None:
    assert _proxy_settings(None, (), 3.0, 1) is None
    found = _proxy_settings("auto", ("groq=https://api.groq.com",), 3.0, 1)
    assert found
    assert (found.mode, found.upstreams["groq"]) == ("auto", "https://api.groq.com")
    with pytest.raises(InputError, match="give --proxy MODE, too"):
        _proxy_settings(None, ("groq=https://api.groq.com",), 3.0, 1)
    with pytest.raises(InputError, match="upstream groq='' is not a base URL"):
        _proxy_settings("off", ("groq",), 3.0, 1)
