"""What providers report, in whatever pieces it arrives."""

import json

import pytest

from optimem.proxy.usage import LONGEST, Usage, UsageReader

CHAT = {"usage": {"prompt_tokens": 90, "prompt_tokens_details": {"cached_tokens": 64}}}
RESPONSES = {"usage": {"input_tokens": 90, "input_tokens_details": {"cached_tokens": 64}}}
CLAUDE = {"input_tokens": 6, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 20}
DEEPSEEK = {"usage": {"prompt_tokens": 90, "prompt_cache_hit_tokens": 64}}
STREAMS = [
    [{"choices": []}, {"choices": [], **CHAT}],
    [{"type": "response.created"}, {"type": "response.completed", "response": RESPONSES}],
    [{"type": "message_start", "message": {"usage": CLAUDE}},
     {"type": "message_delta", "usage": {"output_tokens": 5}}],
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("events", STREAMS)
def test_usage_in_events_of_any_cut(events: list[object], size: int) -> None:
    reader = UsageReader(streamed=True)
    data = "".join(f"event: e\r\ndata: {json.dumps(e)}\r\n\r\n" for e in events) + "data: [DONE]\n"
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size].encode())
    reader.end()
    written = 20 if "message" in data else 0
    assert reader.usage == Usage(90, 64, written)


@pytest.mark.parametrize("answer", [CHAT, RESPONSES, {"usage": CLAUDE}, DEEPSEEK])
def test_usage_of_a_whole_answer(answer: object) -> None:
    reader = UsageReader(streamed=False)
    reader.feed(json.dumps(answer, indent=2).encode())
    reader.end()
    assert reader.usage
    assert reader.usage[:2] == (90, 64)


@pytest.mark.parametrize(
    "data", [b"", b'{"usage": 5}', b'{"usage": {}}', b'data: {"usage": ', b'["usage"]', b"\xff" * 9]
)
def test_answers_without_usage_say_nothing(data: bytes) -> None:
    for streamed in (True, False):
        reader = UsageReader(streamed)
        reader.feed(data)
        reader.end()
        assert reader.usage is None


def test_an_endless_line_is_not_kept() -> None:
    reader = UsageReader(streamed=True)
    for _ in range(3):
        reader.feed(b"x" * (LONGEST // 2))
    assert len(reader._rest) <= LONGEST
