"""The HTTP interface over a fake memory: every operation, what is refused, and who reaches what."""

import json
from collections.abc import AsyncIterator
from io import BytesIO

import httpx
import pytest
from PIL import Image

from optimem import OpticalMemory
from optimem.memory.upkeep.limits import Limits
from optimem.serve.backend import Backend
from optimem.serve.http import HttpDoor, written
from optimem.serve.operations import OPERATIONS
from optimem.testing import InMemoryStore, open_memory, plain_codec
from tests.serve.client import KEYS, SHOP, WORK, client

MONDAY = {"session": "monday", "user": "ann"}
PORT = {"text": "Staging listens on port 8443.", "id": "m1"}


@pytest.fixture
def memory() -> OpticalMemory:
    return open_memory()


@pytest.fixture
async def http(memory: OpticalMemory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the namespace "work"."""
    async with client(memory, [HttpDoor(Backend(memory))], WORK, keys=KEYS) as opened:
        yield opened


async def append(http: httpx.AsyncClient, *turns: object, **more: object) -> httpx.Response:
    return await http.post("/v1/turns", json=MONDAY | {"turns": turns} | more)


async def test_turns_are_remembered_once_in_the_namespace_of_the_key(
    http: httpx.AsyncClient, memory: OpticalMemory
) -> None:
    assert (await append(http, PORT)).json() == {"added": 1, "duplicates": 0, "forgotten": 0}
    message = {"role": "assistant", "content": "Noted.", "refusal": None}
    assert (await append(http, PORT, message)).json()["duplicates"] == 1
    assert [turn.text for turn in memory.reconstruct("work/ann/monday")] == [
        PORT["text"], "Noted.",
    ]  # fmt: skip


async def test_what_was_remembered_is_found_answered_and_read(http: httpx.AsyncClient) -> None:
    await append(http, PORT, {"text": "The cat sleeps.", "id": "m2"})
    found = (await http.post("/v1/recall", json=MONDAY | {"query": "which port?", "k": 1})).json()
    assert [turn["id"] for turn in found["turns"]] == ["m1"]
    assert found["turns"][0]["why"]
    question = MONDAY | {"question": "Which port does staging listen on?"}
    answer = (await http.post("/v1/answer", json=question)).json()
    assert answer["known"]
    assert "8443" in answer["text"]
    turns = (await http.get("/v1/turns", params=MONDAY)).json()["turns"]
    assert [turn["id"] for turn in turns] == ["m1", "m2"]


async def test_a_page_is_shown_with_the_turn_boxed(http: httpx.AsyncClient) -> None:
    await append(http, PORT, flush=True)
    turns = (await http.get("/v1/turns", params=MONDAY)).json()["turns"]
    (part,) = turns[0]["parts"]
    path = f"/v1/pages/{part['page']}"
    plain = await http.get(path, params=MONDAY)
    boxed = await http.get(path, params=MONDAY | {"turn": "m1"})
    assert boxed.headers["content-type"] == "image/png"
    left, top, *_ = map(round, part["boxes"][0])
    assert Image.open(BytesIO(plain.content)).mode == "P"
    colour = Image.open(BytesIO(boxed.content)).getpixel((left + 3, max(top - 1, 0)))
    assert colour == (200, 30, 30)
    for wrong in (MONDAY | {"turn": "m9"}, {"session": "tuesday"}):
        assert (await http.get(path, params=wrong)).status_code == 404


async def test_scopes_and_stats_say_what_is_held(http: httpx.AsyncClient) -> None:
    await append(http, PORT)
    assert (await http.get("/v1/stats", params=MONDAY)).json()["turns"] == 1
    (scope,) = (await http.get("/v1/scopes", params={"user": "ann"})).json()["scopes"]
    assert (scope["scope"], scope["turns"]) == ("work/ann/monday", 1)


async def test_forgetting_gives_a_receipt_that_can_be_checked(http: httpx.AsyncClient) -> None:
    await append(http, PORT, {"text": "The cat sleeps.", "id": "m2"})
    one = (await http.post("/v1/forget", json=MONDAY | {"turn": "m1"})).json()
    assert (one["turns"], one["left"]) == (1, 0)
    assert (await http.post("/v1/receipts/check", json=one)).json()["holds"]
    everything = (await http.post("/v1/forget", json={"user": "ann"})).json()
    assert everything["scopes"] == ["work/ann/monday"]
    assert (await http.get("/v1/turns", params=MONDAY)).json()["turns"] == []


@pytest.mark.parametrize("sent", [{}, {"user": ""}, {"user": "ann", "turn": "m1"}])
async def test_forgetting_names_what_it_means(http: httpx.AsyncClient, sent: object) -> None:
    assert (await http.post("/v1/forget", json=sent)).status_code == 422


async def test_an_export_is_whole_and_can_be_imported(
    http: httpx.AsyncClient, memory: OpticalMemory
) -> None:
    await append(http, *({"text": f"turn {i}", "id": f"t{i}"} for i in range(9)))
    answer = await http.get("/v1/export", params={"user": "ann"})
    assert answer.headers["content-type"] == "application/jsonl"
    lines = answer.text.splitlines()
    assert json.loads(lines[-1])["kind"] == "end"
    assert open_memory().import_lines(lines).added == 9


def test_lines_are_sent_several_at_a_time() -> None:
    lines = [{"text": "é" * 1000, "number": i} for i in range(100)]
    pieces = list(written(iter(lines)))
    assert 1 < len(pieces) < 20
    assert [json.loads(line) for line in b"".join(pieces).splitlines()] == lines


async def test_no_key_reaches_the_namespace_of_another(http: httpx.AsyncClient) -> None:
    await append(http, PORT, flush=True)
    receipt = (await http.post("/v1/forget", json=MONDAY | {"turn": "m1"})).json()
    await append(http, {"text": "The cat sleeps on the port.", "id": "m2"}, flush=True)
    page = (await http.get("/v1/turns", params=MONDAY)).json()["turns"][0]["parts"][0]["page"]
    http.headers["Authorization"] = f"Bearer {SHOP}"
    assert (await http.get("/v1/turns", params=MONDAY)).json()["turns"] == []
    for name in ("work", "../work", "work%2Fann%2Fmonday", "work/ann/monday"):
        found = await http.post("/v1/recall", json={"session": name, "query": "cat"})
        assert found.json().get("turns", []) == []
    assert (await http.get(f"/v1/pages/{page}", params=MONDAY)).status_code == 404
    assert (await http.get("/v1/scopes")).json()["scopes"] == []
    assert len((await http.get("/v1/export")).text.splitlines()) == 2
    assert (await http.post("/v1/receipts/check", json=receipt)).status_code == 422
    assert (await http.post("/v1/forget", json={"user": "ann"})).json()["turns"] == 0
    http.headers["Authorization"] = f"Bearer {WORK}"
    assert len((await http.get("/v1/turns", params=MONDAY)).json()["turns"]) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"\xff\xfe", 400), (b"null", 422), (b"[]", 422), (b"{}", 422),
        (b'{"session":"a","turns":[{"text":"\\ud800"}]}', 400),
        (b'{"session":"a\\u0000","turns":[]}', 422),
        (b'{"session":"a","turns":[{"text":"x","role":"king"}]}', 422),
        (b'{"session":"a","turns":[{"content":[{"type":"image"}]}]}', 422),
        (b'{"session":"a","turns":[],"namespace":"shop"}', 422),
        (b'{"session":"a","turns":[{"text":"x","time":1e999}]}', 422),
        (b'{"session":"a","turns":[{"text":"x","time":"soon"}]}', 422),
        (b"[" * 100_000, 400),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_refused_by_name(
    http: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await http.post(
        "/v1/turns", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail"}


async def test_named_errors_have_their_status(http: httpx.AsyncClient) -> None:
    await append(http, PORT)
    changed = await append(http, PORT | {"text": "Port 9000."})
    assert (changed.status_code, changed.json()["title"]) == (409, "ChangedTurnError")
    form = await http.post("/v1/turns", content=b"{}", headers={"Content-Type": "text/plain"})
    assert form.status_code == 415
    twice = await http.get("/v1/turns?session=a&session=b")
    assert twice.status_code == 422


async def test_a_memory_at_its_limit_refuses_by_name() -> None:
    memory = OpticalMemory(InMemoryStore(), plain_codec(), limits=Limits(turns=1))
    async with client(memory, [HttpDoor(Backend(memory))]) as http:
        await append(http, PORT)
        full = await append(http, {"text": "one more"})
    assert (full.status_code, full.json()["title"]) == (403, "QuotaError")


async def test_the_document_describes_every_operation_with_an_example_that_works(
    http: httpx.AsyncClient,
) -> None:
    described = (await http.get("/openapi.json")).json()
    for operation in OPERATIONS:
        found = described["paths"][operation.path][operation.method.lower()]
        assert found["operationId"] == operation.name
        if operation.method == "POST":
            example = found["requestBody"]["content"]["application/json"]["example"]
            answer = await http.post(operation.path, json=example)
        else:
            names = {
                each["name"]: each["example"] for each in found["parameters"] if "example" in each
            }
            answer = await http.get(operation.path.format(**names), params=names)
        assert answer.status_code in (200, 404) if operation.name == "page" else 200
