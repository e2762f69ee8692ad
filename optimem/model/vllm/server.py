"""What a server serves, found out before the first page goes to it: which checkpoint, of which
width, how many positions, and what it can do.

A server cannot be asked for its weights, so the checkpoint is known by one of three: its files, if
they are on this machine; its name, which `optimem server-command` makes the fingerprint; or the
caller's word, `?model=NAME`.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from optimem.errors import FingerprintError, InputError, OptimemError, ServerSetupError
from optimem.model.vllm.checkpoints import stored_name
from optimem.model.vllm.connection import Connection
from optimem.model.vllm.events import error_of
from optimem.model.vllm.requests import NGRAM_BAN, embeds_part
from optimem.model.vllm.vectors import encode_vectors

CHAT, MODELS, VERSION = "/v1/chat/completions", "/v1/models", "/version"
FINGERPRINT = re.compile(r"(deepseek-ocr|deepseek-ocr-2|unlimited-ocr)-[0-9a-f]{16}")
"""How our fingerprints, and models named after them, look."""
REMEDY = "start it as `optimem server-command` prints"

_WIDTH = re.compile(r"model's hidden_size (\d+)")
_DISABLED = "--enable-prompt-embeds"


@dataclass(frozen=True)
class ServedModel:
    """A model of a server. `name`: there. `fingerprint`: of the checkpoint; None if nothing tells.
    `vouched`: the caller named the model, for whatever tokens. `positions`: prompt and answer
    together. `width`: of the vectors it takes; None if it does not tell. `bans`: whether it bans
    repeated n-grams."""

    url: str
    version: str
    name: str
    fingerprint: str | None
    vouched: bool
    positions: int
    width: int | None
    bans: bool

    @property
    def known_fingerprint(self) -> str:
        """The fingerprint. Raises FingerprintError if nothing tells it."""
        if self.fingerprint is None:
            raise FingerprintError(
                f"{self.url} does not say which checkpoint {self.name!r} is; {REMEDY}, which names "
                "it by its fingerprint"
            )
        return self.fingerprint

    def check_fingerprint(self, found: str, what: str = "these vision tokens") -> None:
        """Raise FingerprintError unless the checkpoint that is served wrote `what`, tokens with the
        fingerprint `found`, as far as can be known."""
        if self.fingerprint == found or (self.fingerprint is None and self.vouched):
            return
        if self.fingerprint is None:
            raise FingerprintError(
                f"{what} were written by {found!r}, and {self.url} does not say what "
                f"{self.name!r} is; {REMEDY}, which names it {found!r}, or vouch for it with "
                f"?model={self.name}"
            )
        raise FingerprintError(
            f"{what} were written by {found!r}, {self.url} serves "
            f"{self.fingerprint!r}; serve the checkpoint that wrote them"
        )


async def find_model(connection: Connection) -> ServedModel:
    """What is served. Raises ServerSetupError for a server that takes no vectors,
    ReaderUnavailableError, and InputError for one that is no vLLM server or has no such model."""
    address = connection.address
    card = _chosen(await connection.json(MODELS), address.model, address.url)
    name = str(card["id"])
    version = (await connection.json(VERSION)).get("version")
    return ServedModel(
        url=address.url,
        version=str(version),
        name=name,
        fingerprint=_fingerprint(card, address.is_here),
        vouched=address.model is not None,
        positions=int(card.get("max_model_len") or 0),
        width=await _width(connection, name),
        bans=await _bans(connection, name),
    )


def _chosen(listed: dict[str, Any], wanted: str | None, url: str) -> dict[str, Any]:
    """The model that is wanted, else one named after a fingerprint, else the first."""
    found = listed.get("data")
    cards = [card for card in found if isinstance(card, dict) and "id" in card] if found else []
    if not cards:
        raise InputError(f"{url} lists no model; is it a vLLM server?")
    named = [card for card in cards if card["id"] == wanted]
    if wanted is not None and not named:
        names = ", ".join(repr(card["id"]) for card in cards)
        raise InputError(f"{url} has no model {wanted!r}; it has {names}")
    ours = [card for card in cards if FINGERPRINT.fullmatch(str(card["id"]))]
    return (named or ours or cards)[0]


def _fingerprint(card: dict[str, Any], here: bool) -> str | None:
    """Of the files, if these are on this machine; else the name, if it is one."""
    root = Path(str(card.get("root")))
    if here and root.is_dir():
        try:
            return stored_name(root)
        except OptimemError:  # a folder of that name that is no checkpoint
            pass
    name = str(card["id"])
    return name if FINGERPRINT.fullmatch(name) else None


async def _width(connection: Connection, model: str) -> int | None:
    """The width of the vectors that a model takes, from how it refuses one of width 1: nothing is
    computed for that."""
    part = embeds_part(encode_vectors(torch.zeros(1, 1)))
    status, text = await connection.try_post(CHAT, _question(model, [part]))
    if _DISABLED in text or (status == 400 and "prompt_embeds" in text and "type" in text
                             and "hidden_size" not in text):  # fmt: skip
        raise ServerSetupError(
            f"{connection.address.url} takes no vision tokens; {REMEDY}, with {_DISABLED}"
        )
    if status < 400:
        return 1
    found = _WIDTH.search(text)
    if found is None and status != 400:
        raise error_of(_message(text), connection.address.url, status)
    return int(found[1]) if found else None


async def _bans(connection: Connection, model: str) -> bool:
    """Whether a server has the logits processor: it refuses an n-gram of no tokens then, and
    ignores it otherwise."""
    body = _question(model, [{"type": "text", "text": "?"}])
    status, text = await connection.try_post(CHAT, body | {"vllm_xargs": {NGRAM_BAN: 0}})
    return status == 400 and NGRAM_BAN in text


def _question(model: str, parts: list[dict[str, str]]) -> dict[str, Any]:
    messages = [{"role": "user", "content": parts}]
    return {"model": model, "messages": messages, "max_tokens": 1, "temperature": 0}


def _message(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return text[:500]
    return found.get("error", found) if isinstance(found, dict) else found
