"""A request of an API as it is to be sent: its old messages give way to what the plan of a long
conversation puts in their place.

The plan is the one that agents' middleware uses. Knows nothing of connections.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import NamedTuple

from optimem.api.memory import OpticalMemory
from optimem.memory.recall.prompting import count_tokens
from optimem.planning.conversation import Conversation
from optimem.planning.facts import Counters
from optimem.planning.layout import Note, Part
from optimem.planning.places import KEY, Place
from optimem.planning.planner import Call, Limits, Planner
from optimem.prompts.cache_rules import CacheRule, cache_rule_for
from optimem.prompts.rules import known_rule
from optimem.proxy import reading
from optimem.proxy.pricing import Prices, Requests, Sized, Tally
from optimem.proxy.settings import Mode
from optimem.proxy.wire import Api, Body, parse_body
from optimem.turns import Scope

KEEP = ("tokens", 200.0)
TURNS = 16
"""Recalled for a question, at most."""
BEGINNING = 200
"""Characters of the system prompt that tell agents apart: later ones may tell the time."""
DIGITS = 16
"""Hexadecimal, of a hash that stands for a key or a conversation."""


class Asked(NamedTuple):
    """A request to shorten. `namespace`: of the memory. `key`: the client's key at the provider,
    of which only a hash is made. `conversation`: its name, if the client gave one."""

    api: Api
    mode: Mode
    body: bytes
    namespace: str = ""
    key: str = ""
    conversation: str = ""


class Shortened(NamedTuple):
    """A request as it is to be sent, and its price."""

    body: bytes
    tally: Tally


@dataclass(frozen=True)
class _Request:
    """A request as it was read. `head`: how many of its messages are system messages that lead."""

    asked: Asked
    body: Body
    head: int
    model: str
    system: list[str]

    def place(self) -> Place:
        """Where its conversation is remembered: under the name that the client gave, else one
        that is made from how it begins."""
        first = next(iter(self.body.messages[self.head :]), {})
        start = "\n".join(self.system)[:BEGINNING], reading.identity(first)
        session = self.asked.conversation or f"conversation-{_hash(repr(start))}"
        scope = Scope(
            session=session, user=f"key-{_hash(self.asked.key)}", namespace=self.asked.namespace
        )
        return Place(scope, KEY, complete=True, forgets=False)


class Shortener:
    """Shortens requests, and remembers what they say. `clock`: seconds since the epoch. Safe for
    threads."""

    def __init__(self, memory: OpticalMemory, clock: Callable[[], float]) -> None:
        self._clock, self._requests = clock, Requests()
        text, pages = (
            Planner(memory, Limits.checked(None, KEEP, None, None, TURNS, pages), count_tokens)
            for pages in (False, True)
        )
        self._planners = {"recall": text, "auto": text, "image": pages}

    def shorten(self, asked: Asked) -> Shortened | None:
        """The request as it is to be sent; None if it holds no conversation that could be
        shortened. Raises whatever a memory or a strange body may raise."""
        request = _read(asked)
        if request is None:
            return None
        call, count = _call(request)
        place, body, head = request.place(), request.body, request.head
        talk = reading.read_conversation(asked.api, body, head, KEY, count)
        planner = self._planners[asked.mode]
        plan = planner.plan(call, talk, place)
        parts = planner.parts(plan, place, asked.mode)  # type: ignore[arg-type]  # never "off"
        whole = [*range(len(talk.messages))]
        shortened = parts is not None and parts != whole
        sent = parts if parts is not None and shortened else whole
        data = asked.body
        if shortened:
            data = body.with_messages(reading.write_messages(body, head, sent))
        tally = self._tally(request, call, place, talk, sent, shortened)
        return Shortened(data, tally)

    def _tally(
        self, request: _Request, call: Call, place: Place, talk: Conversation,
        sent: list[Part], shortened: bool,
    ) -> Tally:  # fmt: skip
        whole = _sized(talk, [*range(len(talk.messages))], call)
        key = (place.scope, request.model)
        before, after = self._requests.next(
            key, call.rule, whole, _sized(talk, sent, call), self._clock()
        )
        rule = known_rule(request.model)
        prices = Prices(call.rule, rule.price if rule else None)
        return Tally(request.model, request.asked.mode, prices, before, after, shortened)


def _read(asked: Asked) -> _Request | None:
    body = parse_body(asked.body, asked.api.field)
    model = body.fields.get("model") if body else None
    if body is None or not isinstance(model, str) or not reading.is_understood(asked.api, body):
        return None
    head = reading.head_length(body)
    if head == len(body.spans):
        return None
    return _Request(asked, body, head, model, reading.system_texts(asked.api, body, head))


def _call(request: _Request) -> tuple[Call, Counters]:
    """What is called, and how its tokens are counted."""
    image = known_rule(request.model)
    counters = Counters(count_tokens, image.formula if image else None)
    tools = request.body.fields.get("tools")
    fixed = sum(map(count_tokens, request.system)) + (_tokens_of(tools) if tools else 0)
    return Call(request.model, _cache_rule(request), fixed, image=image), counters


def _cache_rule(request: _Request) -> CacheRule:
    """What the provider charges for cached prompts: nothing is cached where a client has to say
    what to cache, and does not."""
    rule = cache_rule_for(request.model)
    if rule.breakpoints and '"cache_control"' not in request.body.text:
        return replace(rule, write=1.0, read=1.0, minimum=0)
    return rule


def _sized(talk: Conversation, parts: list[Part], call: Call) -> Sized:
    names, tokens = ["fixed"], [call.fixed]
    for part in parts:
        if isinstance(part, int):
            names.append(talk.names[part])
            tokens.append(talk.history.tokens[part])
        elif isinstance(part, Note):
            names.append(f"{part.name} {_hash(part.text)}")
            tokens.append(part.tokens(talk.count))
        else:
            names.append(f"{part.name} {call.model} pages")
            tokens.append(reading.drawn_tokens(talk, part))
    return Sized(names, tokens)


def _tokens_of(tools: object) -> int:
    return count_tokens(reading.as_json(tools))


def _hash(text: str) -> str:
    return blake2b(text.encode(errors="replace")).hexdigest()[:DIGITS]
