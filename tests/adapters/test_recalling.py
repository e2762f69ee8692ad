"""What is recalled for a question."""

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from optimem.adapters.conversation import Conversation
from optimem.adapters.recalling import SESSIONS, Recall, questions
from optimem.adapters.scopes import KEY, find_place
from optimem.api.memory import OpticalMemory
from optimem.memory.prompting import passage_tokens
from optimem.testing import open_memory
from optimem.turns import Scope, Turn
from tests.adapters.test_scopes import runtime


def quoted(memory: OpticalMemory, *said: AnyMessage, budget: int = 500, **fields: object) -> str:
    place = find_place(runtime(**fields), None, "user_id", "")  # type: ignore[arg-type]
    assert place is not None
    talk = Conversation(said, KEY)
    found = Recall(memory, 12, budget).quotes(place, talk, set())
    texts = {
        (scope, turn.id): turn.text
        for scope in {quote.scope for quote in found}
        for turn in memory.reconstruct(scope)
    }
    return "\n".join(texts[q.scope, q.turn][q.start : q.end] for q in found)


def test_a_question_is_asked_alone_unless_it_points_back() -> None:
    before = [HumanMessage("The Lisbon offsite again."), AIMessage("Sure.")]
    for alone in ("Which flight does Ann take?", "When does the canteen open?"):
        assert questions(Conversation([*before, HumanMessage(alone)], "")) == [alone]
    for back in ("How many was it?", "Yes, do it.", "And why?"):
        asked = questions(Conversation([*before, HumanMessage(back)], ""))
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
