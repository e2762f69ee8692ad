"""A prompt about stored pages as the body of a chat completion.

vLLM joins the parts of a message with a newline, which is how our prompts are written:
`<image>\\n<image>\\nWhat changed?` Knows nothing of HTTP, nor of who answers.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from optimem.errors import InputError
from optimem.model.deepseek_ocr.generation import GenerationSettings
from optimem.model.deepseek_ocr.prompts import BEGIN, IMAGE
from optimem.model.vllm.vectors import encode_vectors

RESERVED = "<prompt_embeds>"
"""What stands for vectors inside vLLM."""
NGRAM_BAN = "ngram_size"
"""The argument of the logits processor that bans repeated n-grams."""


class Prompt(NamedTuple):
    """What is asked: the tokens of pages, each (N, C), and texts, in order and without the newlines
    that join them."""

    parts: list[Tensor | str]

    @property
    def pages(self) -> list[Tensor]:
        """The tokens of its pages."""
        return [part for part in self.parts if isinstance(part, Tensor)]

    @property
    def positions(self) -> int:
        """Positions that it takes at least: the begin token, the pages, what joins the parts."""
        return len(self.parts) + sum(len(page) for page in self.pages)

    @property
    def most_positions(self) -> int:
        """Positions that it takes at most, with a token for each byte of text."""
        texts = (part for part in self.parts if isinstance(part, str))
        return self.positions + sum(len(text.encode()) for text in texts)


def make_prompt(pages: Sequence[Tensor], prompt: str) -> Prompt:
    """A prompt with an `<image>` for each page. Raises InputError for another number of them, for
    one that does not stand on a line of its own, and for text that vLLM keeps for itself."""
    first, *others = prompt.strip().split(IMAGE)
    if not pages or len(others) != len(pages):
        raise InputError(
            f"a prompt about {len(pages)} pages needs {IMAGE} as often; this does not: "
            f"{prompt!r:.200}"
        )
    if RESERVED in prompt:
        raise InputError(f"a prompt cannot hold {RESERVED}, which vLLM keeps for itself")
    parts: list[Tensor | str] = [_unjoined(first, "", "\n")] if first else []
    for page, text in zip(pages, others[:-1], strict=False):
        parts += [page] if text == "\n" else [page, _unjoined(text, "\n", "\n")]
    return Prompt([*parts, pages[-1], *([_unjoined(others[-1], "\n", "")] if others[-1] else [])])


def _unjoined(text: str, start: str, end: str) -> str:
    """A text beside an image, without the newlines between them."""
    inner = text.removeprefix(start).removesuffix(end)
    if not inner or start + inner + end != text:
        raise InputError(
            f"each {IMAGE} of a prompt for a server needs a line of its own; {text!r:.200} does "
            "not leave it one"
        )
    return inner


def chat_request(
    prompt: Prompt,
    settings: GenerationSettings,
    *,
    model: str,
    room: int,
    bans: bool,
    salt: str | None,
) -> dict[str, Any]:
    """The body. `room`: positions of the served model; a limit that goes beyond is left to the
    server. `bans`: whether the server can ban repeated n-grams. `salt`: with which answers share
    cached pages; None for all.

    Neither `prompt_logprobs` nor `echo` are ever asked for: they can end a server.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": [_part(part) for part in prompt.parts]}],
        "stream": True,
        "logprobs": True,
        "return_token_ids": True,
        "skip_special_tokens": False,
        "temperature": settings.sampling.temperature,
        "top_p": settings.sampling.top_p,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": settings.sampling.seed,
    }
    if settings.limit is not None and prompt.most_positions + settings.limit <= room:
        body["max_tokens"] = settings.limit
    if settings.no_repeat and bans:
        body["vllm_xargs"] = {
            NGRAM_BAN: settings.no_repeat.size,
            "window_size": settings.no_repeat.window,
            "whitelist_token_ids": sorted(settings.no_repeat.exempt),
        }
    if salt:
        body["cache_salt"] = salt
    return body


def embeds_part(data: str) -> dict[str, str]:
    """The part of a message that holds vectors."""
    return {"type": "prompt_embeds", "data": data}


def check_prompt_ids(ids: Sequence[int], prompt: Prompt) -> None:
    """Raise InputError unless a server's prompt, as it tells it, begins and holds as many
    positions as ours: another chat template would change the prompt without a word."""
    if ids[0] != BEGIN or len(ids) < prompt.positions:
        raise InputError(
            f"the server made a prompt of {len(ids)} positions that begins with token {ids[0]}; "
            f"ours has at least {prompt.positions} and begins with {BEGIN}. Serve the checkpoint "
            "with its own chat template, as `optimem server-command` prints it"
        )


def _part(part: Tensor | str) -> dict[str, str]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return embeds_part(encode_vectors(part))
