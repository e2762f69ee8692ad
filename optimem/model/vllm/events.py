"""What a server streams: events to deltas of an answer. Pure; knows no connection."""

import json
from collections.abc import Iterator
from math import exp
from typing import Any, NamedTuple

from optimem.errors import InputError, ReaderUnavailableError
from optimem.model.deepseek_ocr.generation import FinishReason

DONE = "[DONE]"
FINISH_REASONS = {"stop": FinishReason.END, "length": FinishReason.LIMIT}


class Delta(NamedTuple):
    """What one event adds. `prompt`: the ids of the prompt, with the first one only. `ids`: of the
    tokens, with the `probability` of the least likely. `text`: of the characters that they
    complete. `finish`: why the answer ends here; None if it goes on."""

    prompt: list[int]
    ids: list[int]
    probability: float
    text: str
    finish: FinishReason | None


def parse_event(data: str, where: str) -> Delta | None:
    """An event's data; None for one without an answer. `where`: who sent it, for messages. Raises
    InputError for a refusal, and ReaderUnavailableError for a failure and for what is no event of
    a chat completion."""
    try:
        event = json.loads(data)
        if "error" in event:
            raise error_of(event["error"], where)
        if not event["choices"]:
            return None
        return _delta(event, event["choices"][0])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ReaderUnavailableError(
            f"{where} sent what is no chat completion ({type(error).__name__}: {data!r:.200}); is "
            "it a vLLM server?"
        ) from error


def error_of(found: Any, where: str, status: int = 500) -> InputError | ReaderUnavailableError:
    """What a server's error means: a refusal of the request, or a failure. `status`: of the
    response, where the error does not say."""
    told = found if isinstance(found, dict) else {"message": found}
    code = told.get("code")
    code = code if isinstance(code, int) else status
    message = f"{told.get('message') or found!s:.500}"
    if 400 <= code < 500 and code not in (408, 429):
        return InputError(f"{where} refuses the request: {message}")
    return ReaderUnavailableError(f"{where} is busy or fails: {message}")


def _delta(event: dict[str, Any], choice: dict[str, Any]) -> Delta:
    told = (choice.get("logprobs") or {}).get("content") or []
    return Delta(
        prompt=list(event.get("prompt_token_ids") or ()),
        ids=[int(token) for token in choice.get("token_ids") or ()],
        probability=min((exp(token["logprob"]) for token in told), default=1.0),
        text=str((choice.get("delta") or {}).get("content") or ""),
        finish=_finish(choice.get("finish_reason")),
    )


def _finish(reason: str | None) -> FinishReason | None:
    return None if reason is None else FINISH_REASONS.get(reason, FinishReason.CANCELLED)


class EventReader:
    """Lines of an event stream to the data of its events."""

    def __init__(self) -> None:
        self._data: list[str] = []

    def feed(self, line: str) -> Iterator[str]:
        """The data of the event that a line ends, if it does."""
        if line.startswith("data:"):
            self._data.append(line[5:].removeprefix(" "))
        elif not line and self._data:
            yield "\n".join(self._data)
            self._data.clear()
