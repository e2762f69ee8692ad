"""LLMLingua-2: what it keeps of a text when asked for a number of tokens.

Drives `llmlingua.PromptCompressor` with the user's checkpoint or the released one, which it
downloads. Knows nothing of pages.
"""

from bisect import bisect_left
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from optimem.errors import BaselineError, MissingExtraError
from optimem.evaluation.tokenizer import Counter, first_tokens

RELEASED = "microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank"
FAMILIES = ("bert-base-multilingual-cased", "xlm-roberta-large")
"""How llmlingua 0.2.2 tells, by the checkpoint's name, which marks begin a word."""
FEWEST = 2  # per cent; llmlingua 0.2.2 keeps nothing at 1
AROUND = 4  # per cent to either side of the share wanted, in which the best is looked for

Compressor = Callable[[str, int, Counter], str]
"""A text, and how many tokens of a counter to keep of it, to what is kept."""


def open_llmlingua2(checkpoint: str = "") -> Compressor:
    """LLMLingua-2. `checkpoint`: a folder or a name on the hub, default the released
    multilingual BERT. Raises MissingExtraError if llmlingua is not installed and BaselineError if
    the checkpoint cannot be used."""
    name = checkpoint or RELEASED
    if not any(family in name for family in FAMILIES):
        raise BaselineError(
            f"LLMLingua-2 cannot tell what {name!r} is: it goes by the name; let the folder's "
            f"name hold {' or '.join(FAMILIES)}"
        )
    engine = _engine(name)

    def compress(text: str, room: int, tokens: Counter) -> str:
        @cache
        def kept(share: int) -> str:
            return str(engine.compress_prompt(text, rate=share / 100)["compressed_prompt"])

        return _filling(kept, text, room, tokens)

    return compress


def _engine(name: str) -> Any:
    try:
        module = import_module("llmlingua")
    except ImportError as error:
        raise MissingExtraError(
            "llmlingua is not installed; pip install 'optimem[llmlingua]'"
        ) from error
    try:
        return module.PromptCompressor(
            name, device_map="cpu", model_config={"trust_remote_code": False}, use_llmlingua2=True
        )
    except (OSError, ValueError, KeyError, TypeError) as error:  # of three libraries and the net
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BaselineError(
            f"LLMLingua-2 could not be loaded from {name!r}: {reason}. Without network give a "
            "checkpoint's folder (--baseline llmlingua2=FOLDER), and for the tokenizer that it "
            "counts with set TIKTOKEN_CACHE_DIR to a folder where tiktoken has put cl100k_base"
        ) from error


def _filling(kept: Callable[[int], str], text: str, room: int, tokens: Counter) -> str:
    """The least that fills the room, its end cut off. LLMLingua-2 rounds to whole per cents: at
    40× what it keeps for a `target_token` can be half of it."""
    share = 100 * room // max(len(tokens.ends(text)), 1)
    shares = range(max(share - AROUND, FEWEST), max(min(share + AROUND, 100), FEWEST) + 1)
    at = bisect_left(shares, room, key=lambda each: len(tokens.ends(kept(each))))
    return first_tokens(kept(shares[min(at, len(shares) - 1)]), room, tokens)
