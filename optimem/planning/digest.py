"""What has left a conversation, in a few lines, without a model: who and what, decisions, open
tasks. Sentences are taken as they stand, so that nothing is made up.

A function of the messages alone: the same ones give the same digest everywhere.
"""

import re
from collections.abc import Callable, Sequence

from optimem.memory.recall.snippets import sentences
from optimem.planning.conversation import Conversation
from optimem.planning.exchanges import term_set
from optimem.planning.facts import Facts
from optimem.prompts.draft import TokenCounter
from optimem.text.exact import exact_values

Digest = Callable[[Conversation, Sequence[int]], str]
"""Messages of a conversation that have left, by their indexes, as a few lines."""

LONGEST = 240
"""Characters of a sentence that a digest may quote."""
MAX_IMAGES = 8
"""Images that are named."""
_DECIDED = re.compile(
    r"\b(agreed?|decided?|decision|settled|let'?s|we(?:'ll| will| shall)|go(?:ing)? with|from now "
    r"on|instead of|approved?|confirmed?|signed off|deal|finali[sz]ed?)\b",
    re.IGNORECASE,
)
_LASTING = re.compile(
    r"\b(my name|i am|i'm|call me|i (?:prefer|like|hate|need|live|work)|always|never|remember|"
    r"please note|keep in mind|allerg\w+|deadline|password|must(?: not)?)\b",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(todo|to do|remind|don'?t forget|still (?:need|have|open)|pending|waiting for|next step|"
    r"follow up|later|by (?:mon|tues|wednes|thurs|fri|satur|sun)day|until)\b",
    re.IGNORECASE,
)
_KINDS = ((_DECIDED, 5.0), (_LASTING, 2.0), (_OPEN, 1.5))
SPEAKERS = {"human": "user", "ai": "assistant"}
SAME = 0.7
"""Share of their terms that two lines have in common if they say much the same."""
_OF_MODEL = 0.5
"""What a sentence of the model is worth, as a share of one of the user's."""
_AGE = 0.5
"""What the oldest sentence is worth, as a share of the newest."""


class ExtractiveDigest:
    """Takes the weightiest sentences of people and model that fit `budget` tokens."""

    def __init__(self, budget: int, count: TokenCounter) -> None:
        self.budget, self.count = budget, count

    def __call__(self, talk: Conversation, gone: Sequence[int]) -> str:
        """See `Digest`."""
        messages = [talk.facts[index] for index in gone]
        lines = [*_images(messages)]
        left = self.budget - sum(self.count(line) + 1 for line in lines)
        chosen = dict[str, int]()
        for _, at, line in sorted(_weighed(messages), reverse=True):
            size = self.count(line) + 1
            if size <= left and not any(_alike(line, other) for other in chosen):
                chosen[line] = at
                left -= size
        return "\n".join([*lines, *sorted(chosen, key=chosen.__getitem__)])


def _images(messages: Sequence[Facts]) -> list[str]:
    """A line for each message whose images have left, the newest ones."""
    lines = [
        f"{' and '.join(kinds)} no longer shown, sent with: {message.parsed.text[:80] or '-'}"
        for message in messages
        if (kinds := [kind for kind, _ in message.attached])
    ]
    return lines[-MAX_IMAGES:]


def _weighed(messages: Sequence[Facts]) -> list[tuple[float, int, str]]:
    """The sentences worth quoting: weight, place and line."""
    found, seen = [], set[str]()
    for index, message in enumerate(messages):
        if message.kind not in SPEAKERS:
            continue
        text = message.text
        for number, (start, end) in enumerate(sentences(text)):
            said = " ".join(text[start:end].split())
            weight = _weight(said)
            if weight and len(said) <= LONGEST and said not in seen:
                seen.add(said)
                weight *= _AGE + (1 - _AGE) * index / len(messages)
                weight *= _OF_MODEL if message.kind == "ai" else 1.0
                at = index * 1000 + number
                found.append((weight, at, f"{SPEAKERS[message.kind]}: {said}"))
    return found


def _alike(one: str, other: str) -> bool:
    """Whether two lines say much the same: a digest quotes the weightier one."""
    first, second = term_set(one), term_set(other)
    return len(first & second) >= SAME * len(first | second)


def _weight(said: str) -> float:
    """What a sentence is worth; 0 for one that decides, states and asks for nothing lasting."""
    weight = sum(worth for pattern, worth in _KINDS if pattern.search(said))
    if not weight or said.endswith("?"):
        return 0.0
    return weight * (1.0 + 0.3 * min(len(exact_values(said)), 3))
