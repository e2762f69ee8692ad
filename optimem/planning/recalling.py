"""What a memory has to say to the last human message of a conversation: the turns that match it,
cut to the sentences that do.

A message that says little by itself ("yes, do it", "how many was it?") is asked together with what
was said just before it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from optimem.api.memory import OpticalMemory
from optimem.memory.recall.prompting import passage_tokens
from optimem.memory.recall.snippets import best_snippet, narrow, widen
from optimem.memory.records.scope_records import ScopeRecords
from optimem.planning.conversation import Conversation
from optimem.planning.exchanges import Asked, Candidate, Step, distinct_steps, rank_steps, term_set
from optimem.planning.ledger import Quote, Quoted
from optimem.planning.places import SUBAGENT, Place
from optimem.results import RecalledTurn, Recollection
from optimem.text.terms import terms
from optimem.turns import CALL_MARK, Scope

FOLLOWING = 3
"""Turns recalled after each hit, to include the result of a tool: the call, and up to two
results."""
THIN = 6
"""A message of fewer different terms that points back is asked together with what was said before
it; and so is one without any."""
CLEAR = 4
"""Different terms from which a message that is asked together with others has its full weight."""
POINTS_BACK = re.compile(
    r"\b(it|its|that|this|those|these|them|they|their|he|she|him|her|his|there|then|same|ones?|"
    r"yes|no|ok|okay|sure|again|above|former|latter|instead|else|both)\b|^(and|but|or|so)\b",
    re.IGNORECASE,
)
LEAST = 0.6
"""Of the best score: the least at which a step of an exchange is recalled."""
MOST_STEPS = 4
"""Of exchanges, for one question, besides those that match as well as the last of them."""
AS_WELL = 0.98
"""Of a score: the least that is as good."""
WEIGHTS = (1.0, 0.35, 0.15)
"""Of what the last human message says, and each of the two exchanges before it."""
QUOTE_TOKENS = 60
"""Of a turn: a longer one is cut to the sentences that match."""
LINE_TOKENS = 9
"""Of who said it, and when."""
SESSIONS = 32
"""Other sessions of a user that are recalled from, the last ones written to."""


class Recall(NamedTuple):
    """`k`: turns at most. `budget`: tokens of all quotes."""

    memory: OpticalMemory
    k: int
    budget: int

    def quotes(
        self, place: Place, conversation: Conversation, shown: Set[str], known: str = ""
    ) -> Quoted:
        """What to recall for the last human message, besides the turns that are `shown` anyway,
        and what the text `known` says."""
        texts = questions(conversation)
        asked = self._asked(place, texts)
        weights = {term: weight for each in asked for term, weight in each.terms.items()}
        left, quotes, said = self.budget, dict[Quote, RecalledTurn](), set[str]()
        for step in self._steps(place, conversation, texts, asked, shown):
            for turn in step.turns:
                if turn.text in said or not _is_worth(turn, weights):
                    continue
                said.add(turn.text)
                start, end = _cut(turn.text, weights)
                size = passage_tokens(turn.text[start:end]) + LINE_TOKENS
                if size <= left and " ".join(turn.text[start:end].split()) not in known:
                    quotes[Quote(step.scope, turn.id, start, end)] = turn
                    left -= size
        chosen = [*quotes][: self.k]
        return Quoted(chosen, {(each.scope, each.turn): quotes[each] for each in chosen})

    def _asked(self, place: Place, texts: Sequence[str]) -> list[Asked]:
        """The texts with their weights; a thin one that others explain weighs less."""
        if not texts:
            return []
        weights = [*WEIGHTS]
        if len(texts) > 1:
            weights[0] = min(1.0, len(term_set(texts[0])) / CLEAR)
        of_term = self.memory.term_weights(place.scope, "\n".join(texts))
        return [
            Asked(weight, {term: of_term[term] for term in terms(text)})
            for text, weight in zip(texts, weights, strict=False)
        ]

    def _steps(
        self,
        place: Place,
        conversation: Conversation,
        texts: Sequence[str],
        asked: Sequence[Asked],
        shown: Set[str],
    ) -> list[Step]:
        """The steps of exchanges to quote, best first, without turns that are shown."""
        candidates = [
            each
            for each in self._candidates(place, conversation, texts)
            if each.turn.id not in shown and not _echoes(each.turn, texts)
        ]
        steps = rank_steps(candidates, asked)
        best = steps[0].score if steps else 0.0
        enough = [*distinct_steps(step for step in steps if step.score >= LEAST * best)]
        last = enough[:MOST_STEPS][-1].score if enough else 0.0
        return [step for step in enough if step.score >= AS_WELL * last]

    def _candidates(
        self, place: Place, conversation: Conversation, texts: Sequence[str]
    ) -> list[Candidate]:
        """Turns that match one of the texts, each with what followed it, in order."""
        found = dict[tuple[Scope, str], Candidate]()
        for scope in self._scopes(place):
            own = _own_steps(conversation) if scope == place.scope else {}
            for text in texts:
                hits = self.memory.recall(scope, text, self.k, following=FOLLOWING)
                for candidate in _placed(scope, hits, own):
                    turn = candidate.turn.id
                    alien = scope == place.scope and place.complete and turn not in own
                    if not (alien and turn.startswith(place.key)):
                        found.setdefault((scope, turn), candidate)
        return sorted(found.values(), key=lambda each: (each.exchange, each.step))

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
    facts, at = conversation.facts, conversation.question
    text = facts[at].parsed.text
    asked = [text] if terms(text) else []
    if asked and (len(set(terms(text))) >= THIN or not POINTS_BACK.search(text)):
        return asked
    for _ in WEIGHTS[1:]:
        before = conversation.history.last_human(at)
        if before < 0:
            break
        said = "\n".join(each.parsed.text for each in facts[before:at] if each.kind != "tool")
        asked += [said] if terms(said) else []
        at = before
    return asked


def _own_steps(conversation: Conversation) -> dict[str, tuple[int, int]]:
    """The exchange, and the step of it, of each message of a conversation by name."""
    places, exchange, step = dict[str, tuple[int, int]](), 0, 0
    for name, parsed in zip(conversation.names, conversation.parsed, strict=True):
        if parsed.role == "user":
            exchange, step = exchange + 1, 0
        step += parsed.role == "assistant"
        places[name] = exchange, step
    return places


def _placed(
    scope: Scope, hits: Iterable[Recollection], own: Mapping[str, tuple[int, int]]
) -> Iterator[Candidate]:
    """Recalled turns with the exchange and the step that they are part of: as the conversation
    has it, else as they follow one another."""
    exchange, step = -1, 0
    for hit in hits:
        if hit.role == "user" or (hit.score and hit.role != "tool"):
            exchange, step = exchange - 1, 0
        step += hit.role == "assistant"
        yield Candidate(scope, *own.get(hit.id, (exchange, step)), hit)


def _echoes(turn: Recollection, texts: Sequence[str]) -> bool:
    """Whether somebody said nothing that one of the texts that are asked does not say."""
    said = term_set(turn.text)
    return turn.role != "tool" and any(said <= term_set(text) for text in texts)


def _is_worth(turn: Recollection, weights: Mapping[int, float]) -> bool:
    """Whether to quote a turn of a step that matches: what was said to the point, and results;
    not the call of a tool."""
    if turn.role == "tool":
        return True
    return not turn.text.startswith(CALL_MARK) and bool(term_set(turn.text) & weights.keys())


def _cut(text: str, weights: Mapping[int, float]) -> tuple[int, int]:
    """The part of a turn to quote."""

    def size(start: int, end: int) -> int:
        return passage_tokens(text[start:end])

    if size(0, len(text)) <= QUOTE_TOKENS or not weights:
        return 0, len(text)
    snippet = narrow(best_snippet(text, weights), 2 * QUOTE_TOKENS, size)
    snippet = widen(text, snippet, QUOTE_TOKENS, size)
    return snippet.start, snippet.end
