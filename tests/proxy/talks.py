"""A long conversation in the form of each API, and a memory that reads at once what it wrote."""

import json
from typing import Any

from optimem.proxy.shortening import Asked
from optimem.proxy.wire import APIS, Api

FACT = "My locker has the code 7261."
QUESTION = "Which code has my locker?"
SYSTEM = "You are a keeper's assistant. " * 40
FILLER = "The keeper wrote down ship {} at hour {}, its name, its flag and where it was bound for. "
MODELS = {"openai": "gpt-5.1", "responses": "gpt-5.1", "anthropic": "claude-opus-4-8"}
BY_FORM: dict[str, Api] = {api.form: api for api in APIS.values()}
PATHS = {api.form: "/v1" + end.decode() for end, api in APIS.items()}
LONG = 30
"""Exchanges after which some messages have left."""


def said(number: int) -> str:
    text = "".join(FILLER.format(number * 100 + line, line) for line in range(24))
    return f"{FACT} {text}" if number == 2 else text


def exchanges(count: int, ending: str = QUESTION) -> list[dict[str, Any]]:
    """Messages of so many exchanges and a last question, in any of the three forms."""
    messages = []
    for number in range(count):
        messages += [
            {"role": "user", "content": said(number)},
            {"role": "assistant", "content": f"Noted, number {number}."},
        ]
    return [*messages, {"role": "user", "content": ending}]


def body_of(form: str, messages: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """A request's body."""
    api = BY_FORM[form]
    body: dict[str, Any] = {"model": MODELS[form], **fields}
    if form == "anthropic":
        mark = {"cache_control": {"type": "ephemeral"}}
        body |= {"max_tokens": 99, "system": [{"type": "text", "text": SYSTEM, **mark}]}
    elif form == "responses":
        body["instructions"] = SYSTEM
    else:
        messages = [{"role": "system", "content": SYSTEM}, *messages]
    return {**body, api.field: messages}


def asked(form: str, body: dict[str, Any], mode: Any = "recall", **fields: str) -> Asked:
    """A request to shorten."""
    return Asked(BY_FORM[form], mode, json.dumps(body).encode(), **fields)
