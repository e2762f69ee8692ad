"""A conversation as a plan sees it: what each message is called in the memory, what it costs, and
what must stay in the prompt.

A message is named by its content and by how often that has occurred before, not by its id: a server
that sends the history anew, with new ids, names it the same, and an edited message is another.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from optimem.planning.boundary import History
from optimem.planning.facts import OURS, Counters, Facts
from optimem.prompts.forms import ParsedMessage, ToolIds, safe_cuts
from optimem.turns import Turn


class Conversation:
    """The messages of a request. `messages`: as they came; `facts`: what is known of each. `key`:
    what the names of messages start with. `form`: of the messages, one of `prompts.forms.FORMS`."""

    def __init__(
        self,
        messages: Sequence[Any],
        facts: Sequence[Facts],
        key: str,
        count: Counters | None = None,
        form: str = "langchain",
    ) -> None:
        self.messages, self.facts = list(messages), list(facts)
        self.key, self.count, self.form = key, count or Counters(), form

    @cached_property
    def parsed(self) -> list[ParsedMessage]:
        """What each message says."""
        return [facts.parsed for facts in self.facts]

    @cached_property
    def names(self) -> list[str]:
        """A name for each message."""
        seen, names = Counter[str](), []
        for facts in self.facts:
            names.append(self.key + facts.nth_name(seen[facts.content]))
            seen[facts.content] += 1
        return names

    @cached_property
    def history(self) -> History:
        """The conversation as token counts, up to the call at hand."""
        cuts = safe_cuts(self._answered(parsed.tools) for parsed in self.parsed)
        return History(
            tokens=[facts.tokens(self.count) for facts in self.facts],
            human=[i for i, facts in enumerate(self.facts) if facts.kind == "human"],
            calls=[*(i for i, facts in enumerate(self.facts) if facts.begins and i), self._size],
            safe=[cut for cut in cuts if not cut or not self.parsed[cut - 1].with_next],
        )

    @property
    def _size(self) -> int:
        return len(self.messages)

    @cached_property
    def question(self) -> int:
        """The index of the last human message; -1 without one."""
        return self.history.last_human(self._size)

    def staying(self, cut: int) -> list[int]:
        """The messages before `cut` that must stay in the prompt however old they are, each with
        the tool calls and results it belongs to."""
        safe, kept = self.history.safe, dict[int, None]()
        for index in self._must_stay[: bisect_left(self._must_stay, cut)]:
            at = bisect_right(safe, index)
            end = safe[at] if at < len(safe) else cut
            kept |= dict.fromkeys(range(safe[at - 1], min(end, cut)))
        return list(kept)

    def leaving(self, cut: int) -> list[int]:
        """The messages before `cut` that need not stay."""
        staying = {*self.staying(cut)}
        return [index for index in range(cut) if index not in staying]

    @cached_property
    def _must_stay(self) -> list[int]:
        """The messages that nothing can stand for: nobody else can say what they say, or the
        memory cannot hold it."""
        return [
            index
            for index, facts in enumerate(self.facts)
            if facts.kind in ("system", OURS) or index in self._unfinished or not facts.is_text
        ]

    def turns(self, indexes: Iterable[int]) -> list[Turn]:
        """Messages as turns of a memory, without those that it cannot hold and those of ours."""
        return [
            Turn(
                text=self._stored(index),
                role=self.parsed[index].role,
                name=self._speaker(index),
                id=self.names[index],
            )
            for index in indexes
            if self.facts[index].is_said and self.facts[index].is_text
        ]

    def _stored(self, index: int) -> str:
        """What a memory is given of a message: its text, and a word for each attachment."""
        kinds = (kind for kind, _ in self.facts[index].attached)
        return "\n".join([self.parsed[index].text, *(f"[{kind}]" for kind in kinds)])

    def _speaker(self, index: int) -> str | None:
        """The name of who speaks; that of a tool is none."""
        facts = self.facts[index]
        return None if facts.kind == "tool" else facts.name

    @cached_property
    def _unfinished(self) -> set[int]:
        """Messages with a tool call that no result answers."""
        answered = self._results
        return {index for index, parsed in enumerate(self.parsed) if parsed.tools.calls - answered}

    @cached_property
    def _results(self) -> frozenset[str]:
        return frozenset().union(*(parsed.tools.results for parsed in self.parsed))

    def _answered(self, tools: ToolIds) -> ToolIds:
        """Tool ids without calls that no result answers: these part nothing."""
        return ToolIds(tools.calls & self._results, tools.results)
