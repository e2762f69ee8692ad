"""What a memory has to say to the last human message of a conversation: the turns that match it,
cut to the sentences that do.

A message that says little by itself ("yes, do it", "how many was it?") is asked together with what
was said just before it.
"""

import re
from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

from optimem.adapters.conversation import Conversation
from optimem.adapters.ledger import Quote
from optimem.adapters.messages import message_text
from optimem.adapters.scopes import SUBAGENT, Place
from optimem.api.memory import OpticalMemory
from optimem.memory.prompting import passage_tokens
from optimem.memory.scope_records import ScopeRecords
from optimem.memory.snippets import best_snippet, widen
from optimem.results import Recollection
from optimem.text.terms import terms
from optimem.turns import Scope

FOLLOWING = 3
"""Turns recalled after each hit, to include the result of a tool: the call, and up to two
results."""
THIN = 6
"""A message of fewer different terms that points back is asked together with what was said before
it; and so is one without any."""
POINTS_BACK = re.compile(
    r"\b(it|its|that|this|those|these|them|they|their|he|she|him|her|his|there|then|same|ones?|"
    r"yes|no|ok|okay|sure|again|above|former|latter|instead|else|both)\b|^(and|but|or|so)\b",
    re.IGNORECASE,
)
LEAST = 0.35
"""Of the best score: the least at which a turn is recalled."""
WEIGHTS = (1.0, 0.5, 0.25)
"""Of what the last human message says, and each of the two exchanges before it."""
QUOTE_TOKENS = 120
"""Of a turn: a longer one is cut to the sentences that match."""
LINE_TOKENS = 12
"""Of who said it, and when."""
SESSIONS = 32
"""Other sessions of a user that are recalled from, the last ones written to."""


class Hit(NamedTuple):
    """A turn of a scope that matches, and how well."""

    scope: Scope
    turn: Recollection
    score: float


class Recall(NamedTuple):
    """`k`: turns at most. `budget`: tokens of all quotes."""

    memory: OpticalMemory
    k: int
    budget: int

    def quotes(self, place: Place, conversation: Conversation, shown: Set[str]) -> list[Quote]:
        """What to recall for the last human message, besides what is `shown` anyway."""
        texts = questions(conversation)
        weights = {term: 1.0 for text in texts for term in terms(text)}
        left, quotes, said = self.budget, list[Quote](), set[str]()
        hits = self._hits(place, conversation, texts)
        for hit in hits:
            if hit.turn.id in shown or hit.turn.text in said or hit.score < LEAST * hits[0].score:
                continue
            said.add(hit.turn.text)
            start, end = _cut(hit.turn.text, weights)
            size = passage_tokens(hit.turn.text[start:end]) + LINE_TOKENS
            if size <= left:
                quotes.append(Quote(hit.scope, hit.turn.id, start, end))
                left -= size
        return quotes

    def _hits(self, place: Place, conversation: Conversation, texts: Sequence[str]) -> list[Hit]:
        """Turns that match, best first, each followed by the results of its tools."""
        present = set(conversation.names)
        found = dict[tuple[Scope, str], Hit]()
        for scope in self._scopes(place):
            for text, weight in zip(texts, WEIGHTS, strict=False):
                for hit in self._search(scope, text):
                    if scope == place.scope and _is_alien(hit.id, place, present):
                        continue
                    known = found.get((scope, hit.id))
                    score = hit.score * weight + (known.score if known else 0.0)
                    found[scope, hit.id] = Hit(scope, hit, score)
        return sorted(found.values(), key=lambda hit: -hit.score)

    def _search(self, scope: Scope, text: str) -> Iterator[Recollection]:
        """The turns of a scope; a tool's result counts almost as much as what it followed."""
        best = 0.0
        for hit in self.memory.recall(scope, text, self.k, following=FOLLOWING):
            best = hit.score or best * 0.99
            if hit.score > 0 or hit.role == "tool":
                yield hit.model_copy(update={"score": best})

    def _scopes(self, place: Place) -> list[Scope]:
        """The conversation's own scope, and the user's others if they are asked, too."""
        if not place.user:
            return [place.scope]
        others = [
            scope
            for scope in self.memory.store.scopes()
            if (scope.namespace, scope.user) == (place.scope.namespace, place.scope.user)
            and scope != place.scope
            and SUBAGENT not in scope.session
        ]
        if len(others) > SESSIONS:
            others.sort(key=self._written, reverse=True)
        return [place.scope, *others[:SESSIONS]]

    def _written(self, scope: Scope) -> float:
        """When a scope was last written to."""
        return ScopeRecords(self.memory.store, scope).state().record.appended


def questions(conversation: Conversation) -> list[str]:
    """What to ask the memory: the last human message and, if it says little by itself, what was
    said in the exchanges before it, the newest first."""
    messages, at = conversation.messages, conversation.question
    text = message_text(messages[at])
    asked = [text] if terms(text) else []
    if asked and (len(set(terms(text))) >= THIN or not POINTS_BACK.search(text)):
        return asked
    for _ in WEIGHTS[1:]:
        before = conversation.history.last_human(at)
        if before < 0:
            break
        said = "\n".join(
            message_text(message) for message in messages[before:at] if message.type != "tool"
        )
        asked += [said] if terms(said) else []
        at = before
    return asked


def _is_alien(turn: str, place: Place, present: Set[str]) -> bool:
    """Whether a turn is a message that this conversation does not hold: it was removed, or said
    on another branch."""
    return place.complete and turn.startswith(place.key) and turn not in present


def _cut(text: str, weights: dict[int, float]) -> tuple[int, int]:
    """The part of a turn to quote."""
    if passage_tokens(text) <= QUOTE_TOKENS or not weights:
        return 0, len(text)
    snippet = widen(
        text,
        best_snippet(text, weights),
        QUOTE_TOKENS,
        lambda start, end: passage_tokens(text[start:end]),
    )
    return snippet.start, snippet.end
