"""What a model's reply rests on."""

import pytest

from optimem.memory.answering.citations import (
    check_citations,
    cited_numbers,
    declines,
    without_thoughts,
)
from optimem.memory.recall.prompting import MARKER

PASSAGES = ["Staging moved to port 6543.", "The ferry to Tallinn is late.", "Ann likes roses."]


def test_citations_are_numbers_of_passages_each_once_and_in_order() -> None:
    assert cited_numbers("As said [3], and before [1; 2,3] but not [9] or [x] or 4.", 4) == [
        1,
        2,
        3,
    ]
    assert cited_numbers("[0]", 4) == []


@pytest.mark.parametrize(
    ("reply", "declined"),
    [
        (f"{MARKER}.", True),
        (f"**{MARKER.lower()}**", True),
        (f"{MARKER}: see [1]", True),
        (f"Sorry: {MARKER}", True),
        (f"The passage [1] mentions {MARKER}", False),
        ("Port 6543.", False),
    ],
)
def test_a_reply_declines_by_the_marker(reply: str, declined: bool) -> None:
    assert declines(reply, MARKER, passages=1) == declined


@pytest.mark.parametrize(
    ("reply", "text", "cited", "dropped"),
    [
        ("It uses port 6543 [1].", "It uses port 6543 [1].", [1], []),
        ("It uses port 6543 [1, 7].", "It uses port 6543 [1].", [1], [7]),
        ("It uses port 6543 [2].", "It uses port 6543.", [], [2]),  # another passage says so
        ("Port 6543. [1] The ferry is late. [3]", "Port 6543. [1] The ferry is late.", [1], [3]),
        ("Yes [2].", "Yes [2].", [2], []),  # nothing to compare
        ("Der Hafen heißt anders [3].", "Der Hafen heißt anders [3].", [3], []),
        ("No citation of port 6543.", "No citation of port 6543.", [], []),
    ],
)
def test_wrong_citations_are_dropped(
    reply: str, text: str, cited: list[int], dropped: list[int]
) -> None:
    assert check_citations(reply, PASSAGES)[:3] == (text, cited, dropped)


@pytest.mark.parametrize(
    ("reply", "shares"), [("Port 1.", True), ("Ulaanbaatar.", False), ("Yes.", True), ("", True)]
)
def test_a_reply_without_any_word_of_the_passages_is_told(reply: str, shares: bool) -> None:
    assert check_citations(reply, PASSAGES).shares == shares


def test_thoughts_are_not_the_reply() -> None:
    assert without_thoughts(" <think>a\nb</think>\n Port 1.\n") == "Port 1."
    assert without_thoughts("Port <think>1</think>") == "Port <think>1</think>"
