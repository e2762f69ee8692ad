"""Tries, pauses, broken answers and servers that are none."""

import json
import threading

import pytest

from optimem.errors import InputError, ReaderUnavailableError
from optimem.model.vllm.connection import LONGEST_PAUSE, pause
from tests.model.vllm.conftest import Open, Serve, stored
from tests.model.vllm.fake_server import Handler


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(serve: Serve, connect: Open, status: int) -> None:
    def busy(number: int, handler: Handler) -> bool:
        if number < 3:
            handler.reply(status, {"error": "later"}, retry_after="4")
        return number < 3

    server, waits = serve(fail=busy), list[tuple[int, str | None]]()

    def wait(attempt: int, asked: str | None) -> float:
        waits.append((attempt, asked))
        return 0.0

    assert connect(server, wait=wait).answer([stored()])[0].complete
    assert (len(server.questions), waits) == (3, [(0, "4"), (1, "4")])


def test_a_connection_that_breaks_before_the_answer_is_made_again(
    serve: Serve, connect: Open
) -> None:
    server = serve(fail=lambda number, handler: number < 3 and handler.reset() is None)
    assert connect(server).answer([stored()])[0].complete
    assert len(server.questions) == 3


def test_headers_alone_are_no_answer_yet(serve: Serve, connect: Open) -> None:
    def fail(number: int, handler: Handler) -> bool:
        if number == 1:
            handler.start()
            handler.wfile.flush()
            handler.reset()
        return number == 1

    server = serve(fail=fail)
    assert connect(server).answer([stored()])[0].complete
    assert len(server.questions) == 2


def test_an_answer_that_has_begun_is_not_asked_for_again(serve: Serve, connect: Open) -> None:
    def fail(number: int, handler: Handler) -> bool:
        handler.start()
        handler.begin(handler.fake.questions[-1])
        handler.token(11, "one", -0.1)
        seen.wait(5)  # a reset takes back what was not read yet
        handler.reset()
        return True

    seen, server = threading.Event(), serve(fail=fail)
    pieces = iter(connect(server).stream(stored()))
    assert next(pieces).text == "one"
    seen.set()
    with pytest.raises(ReaderUnavailableError, match="does not answer"):
        next(pieces)
    assert len(server.questions) == 1


def test_an_answer_that_ends_too_soon_is_named(serve: Serve, connect: Open) -> None:
    def fail(number: int, handler: Handler) -> bool:
        handler.start()
        handler.begin(handler.fake.questions[-1])
        handler.wfile.write(b"0\r\n\r\n")
        return True

    with pytest.raises(ReaderUnavailableError, match="before it was complete"):
        connect(serve(fail=fail)).answer([stored()])


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        ({"error": {"message": "out of memory", "code": 500}}, ReaderUnavailableError, "of memory"),
        ({"error": {"message": "too long", "code": 400}}, InputError, "refuses the request: too"),
        ("{", ReaderUnavailableError, "is it a vLLM server"),
        ([1], ReaderUnavailableError, "is it a vLLM server"),
        ({"choices": [{"logprobs": {"content": [{}]}}]}, ReaderUnavailableError, "a vLLM server"),
    ],
)
def test_a_bad_event_is_named(
    serve: Serve, connect: Open, event: object, error: type[Exception], message: str
) -> None:
    def fail(number: int, handler: Handler) -> bool:
        handler.start()
        handler.begin(handler.fake.questions[-1])
        handler.event(event)
        handler.end()
        return True

    with pytest.raises(error, match=message):
        connect(serve(fail=fail)).answer([stored()])


def test_a_server_that_stays_busy_is_named(serve: Serve, connect: Open) -> None:
    server = serve(fail=lambda number, handler: handler.reply(503, b"<html>later") is None)
    with pytest.raises(ReaderUnavailableError, match="busy or fails: <html>later"):
        connect(server, retries=2).answer([stored()])
    assert len(server.questions) == 3


def test_a_server_that_says_nothing_is_named_and_not_asked_again(
    serve: Serve, connect: Open
) -> None:
    """It has the request: another one would be computed beside it."""
    wait = threading.Event()
    server = serve(fail=lambda number, handler: wait.wait(1) or True)
    with pytest.raises(ReaderUnavailableError, match="ReadTimeout"):
        connect(server, timeout=0.2).answer([stored()])
    assert len(server.questions) == 1


def test_a_server_that_is_not_there_is_named(connect: Open) -> None:
    with pytest.raises(ReaderUnavailableError, match="is the server running"):
        connect("vllm+http://127.0.0.1:9", retries=1).answer([stored()])


def test_another_server_is_named(serve: Serve, connect: Open) -> None:
    server = serve()
    with pytest.raises(InputError, match="404"):
        connect(f"{server.url}/elsewhere").answer([stored()])
    assert server.requests == 0


def test_a_web_site_is_named_without_its_page(serve: Serve, connect: Open) -> None:
    page = b"<!DOCTYPE HTML><html>not here"
    server = serve(fail=lambda number, handler: handler.reply(404, page) is None)
    with pytest.raises(InputError, match=r"a page for people \(404\); is it a vLLM server"):
        connect(server).answer([stored()])


def test_a_key_is_sent(serve: Serve, connect: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "secret-1")
    server = serve()
    reader = connect(server)
    reader.answer([stored()])
    assert server.keys == {"Bearer secret-1"}
    assert "secret-1" not in repr(reader.__dict__)


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_key_is_named(serve: Serve, connect: Open, status: int) -> None:
    server = serve(fail=lambda number, handler: handler.reply(status, {"error": "no"}) is None)
    with pytest.raises(InputError, match="VLLM_API_KEY"):
        connect(server).answer([stored()])


@pytest.mark.parametrize(
    "options", [{"concurrency": 0}, {"retries": -1}, {"timeout": 0}, {"timeout": float("nan")}]
)
def test_settings_that_cannot_be_used_are_named(connect: Open, options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        connect("vllm+http://127.0.0.1:9", **options)


def test_pauses_grow_and_end() -> None:
    waits = [pause(attempt) for attempt in range(12)]
    assert all(0.3 < wait <= LONGEST_PAUSE for wait in waits)
    assert waits[0] < waits[2] < waits[4] < waits[8] == LONGEST_PAUSE
    assert (pause(0, "7"), pause(0, "-1"), pause(5, "900")) == (7, 0, LONGEST_PAUSE)
    assert pause(0, "Wed, 21 Oct 2026 07:28:00 GMT") < 1
    assert json.loads(json.dumps(waits)) == waits
