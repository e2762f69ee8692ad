"""The proxy as a door of the service: behind its keys, and each key with a memory of its own."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from optimem.cli import cli
from optimem.cli.serve import _proxy_settings
from optimem.errors import InputError
from optimem.proxy.settings import ProxySettings
from optimem.serve.access import AccessKeys
from optimem.serve.proxy import ProxyDoor
from optimem.testing import open_memory
from tests.proxy.conftest import upstream as upstream
from tests.proxy.talks import LONG, PATHS, body_of, exchanges
from tests.proxy.upstream import Upstream
from tests.serve.client import KEYS, SHOP, WORK, client

OWN = f"om_own_{'k' * 30}"
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


async def test_a_key_may_have_a_mode_of_its_own(upstream: Upstream) -> None:
    keys = AccessKeys.parse([f"work {WORK} mode=off", f"shop {SHOP} mode=recall", f"own {OWN}"])
    memory = open_memory()
    settings = ProxySettings({"openai": upstream.url}, mode="image", deadline=60)
    body = json.dumps(body_of("openai", exchanges(LONG)) | {"model": "gpt-4o"}).encode()

    async def mode(key: str, **headers: str) -> str | None:
        sent = {"x-optimem-key": key, **headers}
        answer = await service.post(PATH, content=body, headers=sent)
        assert answer.status_code == 200
        return answer.headers.get("x-optimem-mode")

    async with client(memory, [ProxyDoor(memory, settings)], keys=keys) as service:
        assert await mode(WORK) is None
        assert upstream.last.body == body
        assert await mode(SHOP) == "recall"
        assert await mode(OWN) == "image"
        assert await mode(WORK, **{"x-optimem-mode": "recall"}) == "recall"


def test_a_mode_of_a_key_without_a_proxy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"work {WORK} mode=off")
    options = ["serve", "--access-keys", str(tmp_path / "keys"), "--store", str(tmp_path / "a.db")]
    done = CliRunner().invoke(cli, options)
    assert isinstance(done.exception, InputError)
    assert "give --proxy MODE, too" in str(done.exception)


def test_the_options_of_the_proxy_are_checked() -> None:
    assert _proxy_settings(None, (), 3.0, 1) is None
    found = _proxy_settings("auto", ("groq=https://api.groq.com",), 3.0, 1)
    assert found
    assert (found.mode, found.upstreams["groq"]) == ("auto", "https://api.groq.com")
    with pytest.raises(InputError, match="give --proxy MODE, too"):
        _proxy_settings(None, ("groq=https://api.groq.com",), 3.0, 1)
    with pytest.raises(InputError, match="upstream groq='' is not a base URL"):
        _proxy_settings("off", ("groq",), 3.0, 1)
