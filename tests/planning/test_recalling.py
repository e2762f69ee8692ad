"""What is recalled for a question."""

from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from optimem.adapters.conversation import read_conversation
from optimem.adapters.scopes import find_place
from optimem.api.memory import OpticalMemory
from optimem.memory.recall.prompting import passage_tokens
from optimem.planning.places import KEY
from optimem.planning.recalling import SESSIONS, Recall, questions
from optimem.testing import open_memory
from optimem.turns import Scope, Turn
from tests.adapters.test_scopes import runtime


def quoted(memory: OpticalMemory, *said: AnyMessage, budget: int = 500, **fields: object) -> str:
    place = find_place(runtime(**fields), None, "user_id", "")  # type: ignore[arg-type]
    assert place is not None
    talk = read_conversation(said, KEY)
    found = Recall(memory, 12, budget).quotes(place, talk, set()).quotes
    texts = {
        (scope, turn.id): turn.text
        for scope in {quote.scope for quote in found}
        for turn in memory.reconstruct(scope)
    }
    return "\n".join(texts[q.scope, q.turn][q.start : q.end] for q in found)


def test_a_question_is_asked_alone_unless_it_points_back() -> None:
    before = [HumanMessage("The Lisbon offsite again."), AIMessage("Sure.")]
    for alone in ("Which flight does Ann take?", "When does the canteen open?"):
        assert questions(read_conversation([*before, HumanMessage(alone)], "")) == [alone]
    for back in ("How many was it?", "Yes, do it.", "And why?"):
        asked = questions(read_conversation([*before, HumanMessage(back)], ""))
        assert "The Lisbon offsite again.\nSure." in asked


def test_a_long_turn_is_cut_to_what_matches() -> None:
    memory = open_memory()
    filler = "The weather was fine that day and nothing happened. "
    memory.append("t", Turn(text=filler * 60 + "The vault code is 7261. " + filler * 60, id="a"))
    found = quoted(memory, HumanMessage("What is the vault code?"))
    assert "7261" in found
    assert passage_tokens(found) < 150


def test_quotes_keep_to_the_budget_and_repeat_nothing() -> None:
    memory = open_memory()
    memory.append("t", [Turn(text=f"The code of door {i % 5}.", id=str(i)) for i in range(10)])
    found = quoted(memory, HumanMessage("Which code has the door?"))
    assert len(found.splitlines()) == 5
    assert len(quoted(memory, HumanMessage("Which code has the door?"), budget=40).splitlines()) < 3


def test_turns_that_hardly_match_are_left_out() -> None:
    memory = open_memory()
    chatter = [Turn(text=f"Peter said {i}.", id=f"p{i}") for i in range(9)]
    key = Turn(text="Peter keeps the boathouse key in the cellar.", id="a")
    memory.append("t", [key, *chatter])
    found = quoted(memory, HumanMessage("Where does Peter keep the boathouse key?"))
    assert found == key.text


def test_a_user_is_asked_in_the_sessions_written_to_last() -> None:
    memory = open_memory()
    for number in range(SESSIONS + 2):
        scope = Scope(session=f"s{number}", user="ann")
        memory.append(scope, f"Key {number} is green.", now=1000.0 + number)
    found = quoted(memory, HumanMessage("Which key is green?"), context={"user_id": "ann"},
                   budget=5000)  # fmt: skip
    assert "Key 33" in found
    assert "Key 1 " not in found


def test_a_result_is_found_by_the_words_of_the_request_that_led_to_it() -> None:
    memory = open_memory()
    call: Any = {"name": "find", "args": {"query": "visa"}, "id": "1", "type": "tool_call"}
    said: list[AnyMessage] = [
        HumanMessage("Has the consulate answered about my visa?"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("Please come on Friday 4 April at 19:45.", tool_call_id="1", name="find"),
        AIMessage("Found it."),
        *(HumanMessage(f"The day was long, and time went by {i}.") for i in range(20)),
        HumanMessage("What day and time do I have to be at the consulate?"),
    ]
    place = find_place(runtime(), None, "user_id", "")
    assert place is not None
    talk = read_conversation(said, KEY)
    memory.append(place.scope, talk.turns(range(len(said) - 1)))
    found = Recall(memory, 16, 200).quotes(place, talk, set()).quotes
    assert talk.names[2] in [quote.turn for quote in found]
    assert talk.names[3] not in [quote.turn for quote in found]


def test_what_only_repeats_the_question_is_not_recalled() -> None:
    memory = open_memory()
    turns = [Turn(text="How many guests are there?", id=f"q{i}") for i in range(9)]
    memory.append("t", [Turn(text="For the dinner we expect 61 guests.", id="a"), *turns])
    assert quoted(memory, HumanMessage("How many guests?")).count("guests") == 1


def test_what_the_digest_says_is_not_recalled_again() -> None:
    memory = open_memory()
    memory.append("t", Turn(text="The boathouse key hangs in the cellar.", id="a"))
    place = find_place(runtime(), None, "user_id", "")
    assert place is not None
    talk = read_conversation([HumanMessage("Where is the boathouse key?")], KEY)
    recall = Recall(memory, 16, 200)
    assert recall.quotes(place, talk, set()).quotes
    said = "user: The boathouse key hangs in the cellar."
    assert not recall.quotes(place, talk, set(), said).quotes


def test_all_that_match_equally_well_are_recalled() -> None:
    memory = open_memory()
    things = ["oak table", "blue carpet", "brass lamp", "corner sofa", "slate floor", "glass door"]
    turns = [Turn(text=f"We agreed on the {thing}.", id=thing) for thing in things]
    memory.append("t", turns)
    found = quoted(memory, HumanMessage("Summarise what we agreed, please."))
    assert all(thing in found for thing in things)
