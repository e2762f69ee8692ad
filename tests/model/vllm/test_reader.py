"""The reader on a server: what goes out, what comes back, and what never leaves."""

import asyncio
import math
import threading
from dataclasses import replace
from typing import Any

import pytest
import torch

from optimem.errors import (
    FingerprintError,
    FormatError,
    InputError,
    ReaderUnavailableError,
    ServerSetupError,
)
from optimem.model.deepseek_ocr.generation import FinishReason, GenerationSettings, Sampling
from optimem.model.deepseek_ocr.prompts import FREE_OCR, ask
from optimem.model.deepseek_ocr.stored_tokens import StoredPage
from optimem.model.vllm.vectors import as_sent
from tests.model.vllm.conftest import ANSWER, NAME, Open, Serve, stored
from tests.model.vllm.fake_server import Handler, tensors

TEXT = "The 日 total"


def test_a_page_goes_out_as_vectors_and_an_answer_comes_back(serve: Serve, connect: Open) -> None:
    server, page = serve(), stored()
    (answer,) = connect(server).answer([page], FREE_OCR, GenerationSettings(limit=77))
    assert (answer.text, answer.finish, answer.complete) == (TEXT, FinishReason.END, True)
    assert [piece.text for piece in answer.pieces] == ["The ", "日", " total"]
    likely = [math.exp(each) for each in (-0.1, -0.5, -2.0)]
    assert [piece.probability for piece in answer.pieces] == pytest.approx(likely)
    assert (answer.mode, answer.width, answer.height) == ("tiny", 640, 480)
    (question,) = server.questions
    assert question["model"] == NAME
    assert (question["max_tokens"], question["temperature"]) == (77, 0)
    assert question["vllm_xargs"]["ngram_size"] == 30
    assert question["messages"][0]["content"][1] == {"type": "text", "text": "Free OCR."}
    (sent,) = tensors(question)
    assert sent.dtype == torch.float16
    assert torch.equal(sent, page.tokens.half())
    assert not {"prompt_logprobs", "echo", "cache_salt"} & set(question)


def test_pages_go_together_in_order(serve: Serve, connect: Open) -> None:
    server, pages = serve(), [stored(seed=at, rows=10 + at) for at in range(3)]
    answer = connect(server).answer_together(pages, ask("What changed?", 3))
    assert answer.text == TEXT
    (question,) = server.questions
    kinds = [part["type"] for part in question["messages"][0]["content"]]
    assert kinds == ["prompt_embeds"] * 3 + ["text"]
    for sent, page in zip(tensors(question), pages, strict=True):
        assert torch.equal(sent, as_sent(page.tokens))


def test_the_same_page_is_the_same_bytes(serve: Serve, connect: Open) -> None:
    """The prefix cache is keyed by the values, in their type."""
    server, page = serve(), stored()
    StoredPage.from_bytes(page.to_bytes())
    for asked in ("a?", "b?"):
        connect(server).answer([replace(page, tokens=page.tokens.clone())], ask(asked))
    first, second = (question["messages"][0]["content"][0] for question in server.questions)
    assert first == second


def test_values_beyond_fp16_go_as_bf16(serve: Serve, connect: Open) -> None:
    server, page = serve(), stored()
    page.tokens[3, 5] = 70_000
    connect(server).answer([page])
    (sent,) = tensors(server.questions[0])
    assert sent.dtype == torch.bfloat16
    assert torch.equal(sent, page.tokens.bfloat16())


def test_a_slice_sends_itself_alone(serve: Serve, connect: Open) -> None:
    server = serve()
    big = torch.randn(4000, 64).half()
    connect(server).answer([replace(stored(), tokens=big[:20]), stored()])
    sizes = [len(q["messages"][0]["content"][0]["data"]) for q in server.questions]
    assert max(sizes) < 1.5 * min(sizes)


def test_a_salt_goes_along_and_is_kept_to(serve: Serve, connect: Open) -> None:
    server = serve()
    reader = connect(server)
    reader.salted("ann").answer([stored()])
    reader.answer([stored()])
    assert [question.get("cache_salt") for question in server.questions] == ["ann", None]


def test_without_the_processor_no_ban_is_asked_for(serve: Serve, connect: Open) -> None:
    server = serve(bans=False)
    reader = connect(server)
    reader.answer([stored()])
    assert "vllm_xargs" not in server.questions[0]
    assert reader.served.bans is False


def test_a_seed_and_a_temperature_go_along(serve: Serve, connect: Open) -> None:
    server = serve()
    settings = GenerationSettings(sampling=Sampling(0.5, 0.9, 7), no_repeat=None)
    connect(server).answer([stored()], FREE_OCR, settings)
    (question,) = server.questions
    assert [question[key] for key in ("temperature", "top_p", "seed")] == [0.5, 0.9, 7]
    assert "vllm_xargs" not in question
    assert "max_tokens" not in question


def test_a_limit_ends_an_answer(serve: Serve, connect: Open) -> None:
    server = serve()
    (answer,) = connect(server).answer([stored()], settings=GenerationSettings(limit=3))
    assert (answer.text, answer.finish) == ("The 日", FinishReason.LIMIT)
    assert server.questions[0]["max_tokens"] == 3


def test_a_limit_that_the_server_would_refuse_is_kept_here(serve: Serve, connect: Open) -> None:
    """With 470 positions taken, 60 tokens do not fit into 500; 3 may."""
    server = serve()
    words = ask("x" * 25)
    for limit, text in ((60, TEXT), (3, "The 日")):
        (answer,) = connect(server).answer([stored(445)], words, GenerationSettings(limit=limit))
        assert answer.text == text
    assert ["max_tokens" in question for question in server.questions] == [False, True]


def test_a_loop_is_stopped_and_the_server_told(serve: Serve, connect: Open) -> None:
    def drone(number: int, handler: Handler) -> bool:
        handler.start()
        handler.begin(handler.fake.questions[-1])
        while True:
            handler.token(20, "na ", -0.1)

    server = serve(fail=drone)
    (answer,) = connect(server).answer([stored()])
    assert (answer.finish, len(answer.pieces)) == (FinishReason.LOOP, 1024)
    assert server.gone.wait(5)


def test_a_stream_gives_pieces_as_they_come(serve: Serve, connect: Open) -> None:
    more = threading.Event()

    def hold(number: int, handler: Handler) -> bool:
        handler.start()
        handler.begin(handler.fake.questions[-1])
        handler.token(11, "one", -0.1)
        more.wait(5)
        handler.token(12, "two", -0.1, "stop")
        handler.end()
        return True

    stream = connect(serve(fail=hold)).stream(stored())
    pieces = iter(stream)
    assert next(pieces).text == "one"
    assert stream.answer.finish is FinishReason.CANCELLED
    more.set()
    assert [piece.text for piece in pieces] == ["two"]
    assert (stream.answer.text, stream.answer.complete) == ("onetwo", True)


def test_a_stream_that_is_left_ends_the_request(serve: Serve, connect: Open) -> None:
    def drone(number: int, handler: Handler) -> bool:
        handler.start()
        handler.begin(handler.fake.questions[-1])
        while True:
            handler.token(number, "na ", -0.1)
            number += 1

    server = serve(fail=drone)
    pieces = iter(connect(server).stream(stored()))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # of a generator
    assert server.gone.wait(5)


async def test_async_twins_answer_alike(serve: Serve, connect: Open) -> None:
    server, page = serve(), stored()
    reader = connect(server)
    (answer,) = await reader.aanswer([page])
    together = await reader.aanswer_together([page, page], ask("?", 2))
    stream = reader.astream(page)
    pieces = [piece async for piece in stream]
    assert answer == stream.answer == await asyncio.to_thread(lambda: reader.answer([page])[0])
    assert tuple(pieces) == answer.pieces
    assert together.text == TEXT


async def test_a_cancelled_task_ends_its_request(serve: Serve, connect: Open) -> None:
    def hang(number: int, handler: Handler) -> bool:
        handler.start()
        handler.begin(handler.fake.questions[-1])
        handler.connection.settimeout(5)
        if not handler.connection.recv(1):
            handler.fake.gone.set()
        return True

    server = serve(fail=hang)
    task = asyncio.create_task(connect(server).aanswer([stored()]))
    while not server.questions:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.gone.wait, 5)


def test_what_is_cancelled_says_so(serve: Serve, connect: Open) -> None:
    (answer,) = connect(serve()).answer([stored()], cancelled=lambda: True)
    assert answer.finish is FinishReason.CANCELLED


BAD_PAGES: dict[str, Any] = {
    "one dimension": (lambda tokens: tokens[0], "of shape (64,)"),
    "four dimensions": (lambda tokens: tokens[None, None], "of shape (1, 1, 20, 64)"),
    "none": (lambda tokens: tokens[:0], "of shape (0, 64)"),
    "integers": (lambda tokens: tokens.int(), "type int32"),
    "another width": (lambda tokens: tokens[:, :32], "of 32 dimensions"),
    "NaN": (lambda tokens: tokens.index_fill(0, torch.tensor([2]), math.nan), "1 of 20 vision"),
    "infinity": (lambda tokens: tokens.index_fill(0, torch.tensor([2, 3]), math.inf), "2 of 20"),
}


@pytest.mark.parametrize("kind", BAD_PAGES)
def test_a_bad_page_is_named_and_nothing_is_sent(serve: Serve, connect: Open, kind: str) -> None:
    change, message = BAD_PAGES[kind]
    server, page = serve(), stored()
    bad = replace(page, tokens=change(page.tokens))
    reader = connect(server)
    with pytest.raises(FormatError, match=message.replace("(", r"\(").replace(")", r"\)")):
        reader.answer([page, bad])
    with pytest.raises(FormatError):
        reader.answer_together([page, bad], ask("?", 2))
    assert server.questions == []


BAD_PROMPTS = {
    "an image too few": ("Free OCR.", 1, "needs <image> as often"),
    "an image too many": ("<image>\n<image>\nFree OCR.", 1, "needs <image> as often"),
    "no image": ("Free OCR.", 0, "needs <image> as often"),
    "vLLM's own word": ("<image>\nWhat is <prompt_embeds>?", 1, "keeps for itself"),
    "an image within a line": ("<image> Free OCR.", 1, "a line of its own"),
    "too much": (ask("?", 25), 25, "leaves no room"),
}


@pytest.mark.parametrize("kind", BAD_PROMPTS)
def test_a_bad_prompt_is_named_and_nothing_is_sent(serve: Serve, connect: Open, kind: str) -> None:
    prompt, count, message = BAD_PROMPTS[kind]
    server = serve()
    with pytest.raises(InputError, match=message):
        connect(server).answer_together([stored()] * count, prompt)
    assert server.questions == []


def test_tokens_of_another_checkpoint_are_refused(serve: Serve, connect: Open) -> None:
    server = serve()
    with pytest.raises(FingerprintError, match=f"'deepseek-ocr-other', .* serves '{NAME}'"):
        connect(server).answer([stored(name="deepseek-ocr-other")])
    assert server.questions == []


def test_a_server_that_does_not_say_what_it_serves_must_be_vouched_for(
    serve: Serve, connect: Open
) -> None:
    server = serve(name="m")
    with pytest.raises(FingerprintError, match=r"does not say what 'm' is.*\?model=m"):
        connect(server).answer([stored()])
    assert server.questions == []
    assert connect(f"{server.url}?model=m").answer([stored()])[0].complete
    with pytest.raises(InputError, match="has no model 'n'; it has 'm'"):
        connect(f"{server.url}?model=n").answer([stored()])


def test_a_server_without_prompt_embeds_is_named(serve: Serve, connect: Open) -> None:
    server = serve(embeds=False)
    with pytest.raises(ServerSetupError, match=r"optimem server-command.*--enable-prompt-embeds"):
        connect(server).answer([stored()])
    assert server.questions == []


def test_another_chat_template_is_noticed(serve: Serve, connect: Open) -> None:
    with pytest.raises(InputError, match="begins with token 3"):
        connect(serve(begin=3)).answer([stored()])


def test_the_server_is_looked_at_once(serve: Serve, connect: Open) -> None:
    server = serve()
    reader = connect(server)
    assert reader.fingerprint == NAME
    reader.answer([stored()] * 3)
    reader.salted("s").answer([stored()])
    assert (len(server.probes), len(server.questions)) == (2, 4)


def test_no_more_requests_at_a_time_than_allowed(serve: Serve, connect: Open) -> None:
    wait = threading.Event()
    server = serve(fail=lambda number, handler: wait.wait(0.05) and False)
    answers = connect(server, concurrency=2).answer([stored()] * 6)
    assert (len(answers), server.most) == (6, 2)


def test_one_failure_ends_the_others(serve: Serve, connect: Open) -> None:
    def fail(number: int, handler: Handler) -> bool:
        if number == 2:
            handler.reply(400, {"error": {"message": "too long", "code": 400}})
            return True
        handler.connection.settimeout(5)
        if not handler.connection.recv(1):
            handler.fake.gone.set()
        return True

    server = serve(fail=fail)
    with pytest.raises(InputError, match="refuses the request: too long"):
        connect(server).answer([stored()] * 2)
    assert server.gone.wait(5)


def test_after_a_failure_the_server_is_looked_at_again(serve: Serve, connect: Open) -> None:
    """It may come back with another checkpoint."""
    server = serve()
    reader = connect(server, retries=0)
    reader.answer([stored()])
    server.fail = lambda number, handler: handler.reply(503, {}) is None
    with pytest.raises(ReaderUnavailableError, match="busy or fails"):
        reader.answer([stored()])
    server.name = "deepseek-ocr-fedcba9876543210"
    with pytest.raises(FingerprintError, match="fedcba9876543210"):
        reader.answer([stored()])
    assert len(server.questions) == 2


def test_a_closed_reader_opens_again(serve: Serve, connect: Open) -> None:
    reader = connect(serve())
    for _ in range(2):
        assert reader.answer([stored()])[0].text == "".join(text for _, text, _ in ANSWER)
        reader.close()
