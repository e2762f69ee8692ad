"""Who gets in, and how much."""

import asyncio

import pytest

from optimem.errors import InputError
from optimem.serve.access import AccessKeys, environment_keys, key_line, new_access_key
from optimem.serve.settings import ServeSettings
from tests.serve.client import KEYS, SHOP, WORK, client
from tests.serve.doors import EchoDoor, WhoDoor


async def test_without_a_key_nobody_gets_in() -> None:
    async with client(doors=[WhoDoor()], keys=KEYS) as http:
        for headers in ({}, {"Authorization": "Bearer nobody"}, {"Authorization": f"Basic {WORK}"}):
            answer = await http.get("/who", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_reaches_its_namespace_also_by_a_header_of_its_own() -> None:
    async with client(doors=[WhoDoor()], keys=KEYS) as http:
        bearer = await http.get("/who", headers={"Authorization": f"Bearer {WORK}"})
        both = {"Authorization": "Bearer sk-of-an-upstream", "X-Optimem-Key": SHOP}
        own = await http.get("/who", headers=both)
    assert (bearer.text, own.text) == ("work True", "shop True")


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
async def test_without_keys_no_web_page_gets_in(headers: dict[str, str]) -> None:
    async with client(doors=[WhoDoor()]) as http:
        assert (await http.get("/who")).status_code == 200
        assert (await http.get("/who", headers=headers)).status_code == 403


async def test_a_rate_is_kept_for_each_key() -> None:
    async with client(doors=[WhoDoor()], keys=KEYS, rate=1) as http:
        work, shop = ({"X-Optimem-Key": key} for key in (WORK, SHOP))
        statuses = [(await http.get("/who", headers=work)).status_code for _ in range(3)]
        limited = await http.get("/who", headers=work)
        other = await http.get("/who", headers=shop)
    assert statuses == [200, 200, 429]
    assert int(limited.headers["retry-after"]) >= 1
    assert other.status_code == 200


async def test_more_requests_than_can_be_in_hand_are_refused() -> None:
    async with client(doors=[EchoDoor()], concurrency=2) as http:
        answers = await asyncio.gather(*(http.get("/wait") for _ in range(3)))
        after = await http.get("/wait")
    assert sorted(answer.status_code for answer in answers) == [200, 200, 503]
    assert after.status_code == 200


def test_keys_are_parsed_hashed_or_not() -> None:
    key = new_access_key()
    keys = AccessKeys.parse(["# people", "", key_line("work", key, hashed=True), SHOP])
    work, none = keys.caller(key), keys.caller(SHOP)
    assert work is not None
    assert none is not None
    assert (work.namespace, none.namespace) == ("work", "")
    assert keys.caller("") is None
    assert SHOP not in repr(keys)


def test_a_key_may_have_a_mode_of_the_proxy() -> None:
    key = new_access_key()
    for line in (key_line("my work", key, "image"), key_line("my work", key, "image", hashed=True)):
        assert line.endswith(" mode=image")
        found = AccessKeys.parse([line]).caller(key)
        assert found
        assert (found.namespace, found.mode) == ("my work", "image")
    alone = AccessKeys.parse([f"{key} mode=off", f"work {SHOP}"])
    modes = [caller.mode for caller in alone.callers.values()]
    assert modes == ["off", None]


@pytest.mark.parametrize(
    "line",
    [
        "work short", "work sha256:12", f"optimem.items {WORK}", f"work {WORK}\u00e9",
        f"work {WORK} mode=fast", f"work mode={WORK}", f"@metrics {WORK} mode=off",
        f"work mode=image {WORK} image",
    ],
)  # fmt: skip
def test_a_line_that_holds_no_key_is_refused_without_quoting_it(line: str) -> None:
    with pytest.raises(InputError, match="line 1") as raised:
        AccessKeys.parse([line])
    assert not any(word in str(raised.value) for word in line.split()[1:] if word != "mode=off")


def test_one_key_cannot_belong_to_two_namespaces() -> None:
    with pytest.raises(InputError, match="line 2"):
        AccessKeys.parse([f"work {WORK}", f"shop {WORK}"])


def test_the_environment_holds_keys_or_names_their_file() -> None:
    keys = environment_keys({"OPTIMEM_ACCESS_KEYS": f"work {WORK}, shop {SHOP}"})
    assert len(keys.callers) == 2
    assert not environment_keys({})
    with pytest.raises(InputError, match="cannot be read"):
        environment_keys({"OPTIMEM_ACCESS_KEYS_FILE": "/nowhere/keys"})
    with pytest.raises(InputError, match="set one of them"):
        environment_keys({"OPTIMEM_ACCESS_KEYS": WORK, "OPTIMEM_ACCESS_KEYS_FILE": "keys"})


def test_others_are_let_in_with_keys_alone() -> None:
    with pytest.raises(InputError, match=r"others can reach 0\.0\.0\.0"):
        ServeSettings(host="0.0.0.0")
    ServeSettings(host="0.0.0.0", keys=KEYS)
    ServeSettings(host="::1")
