"""What stands at the front of a request: a digest that all processes share, and pinned turns."""

from collections.abc import Sequence

from langchain_core.messages import AnyMessage, HumanMessage

from optimem import OpticalMemory, Turn
from optimem.adapters import OptimemMiddleware
from optimem.adapters.conversation import read_conversation
from optimem.adapters.digest import as_digest
from optimem.memory.records.records import EntryKind
from optimem.planning.block import PINNED_TOKENS, Block
from optimem.planning.conversation import Conversation
from optimem.planning.layout import Note
from optimem.planning.places import KEY, Place
from optimem.testing import open_memory
from optimem.turns import Scope
from tests.adapters.agents import history, images, sent_with
from tests.adapters.test_agent_memory import SMALL, Chat, all_text

SCOPE = Scope(session="s")
PLACE, SHARED = Place(SCOPE, KEY, complete=True), Place(SCOPE, KEY, complete=True, shared=True)
SAID = [HumanMessage(f"Message {number} of this talk.") for number in range(8)]


class Writer:
    """Writes another digest each time."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, 0

    def __call__(self, messages: Sequence[AnyMessage]) -> str:
        self.asked += 1
        return f"{self.name} wrote digest {self.asked} of {len(messages)}."


def talk() -> Conversation:
    return read_conversation(SAID, KEY)


def text_of(notes: Sequence[Note]) -> str:
    return "\n".join(note.text for note in notes)


def entries(memory: OpticalMemory) -> list[str]:
    return [info.key for info in memory.store.entries(SCOPE, EntryKind.DIGEST.prefix)]


def test_a_digest_is_written_once_and_shared_by_all_processes() -> None:
    memory, ann, bob = open_memory(), Writer("Ann"), Writer("Bob")
    one, two = (Block(memory, as_digest(writer), len) for writer in (ann, bob))
    first = one.left(talk(), 4, PLACE)
    assert "Ann wrote digest 1 of 4." in text_of(first)
    assert one.left(talk(), 4, PLACE) == two.left(talk(), 4, PLACE) == first
    assert (ann.asked, bob.asked) == (1, 0)
    assert "Bob wrote digest 1 of 6." in text_of(two.left(talk(), 6, PLACE))


def test_whoever_loses_the_race_sends_what_the_other_wrote() -> None:
    memory = open_memory()
    other = Block(memory, lambda *_: "the first", len)

    def slow(_: Sequence[AnyMessage]) -> str:
        other.left(talk(), 4, PLACE)
        return "the second"

    assert "the first" in text_of(Block(memory, as_digest(slow), len).left(talk(), 4, PLACE))


def test_what_needs_no_model_is_not_stored() -> None:
    memory = open_memory()
    assert Block(memory, None, len).left(talk(), 4, PLACE)
    assert entries(memory) == []


def test_a_digest_is_forgotten_with_any_turn_it_may_tell_of() -> None:
    memory = open_memory()
    memory.append(SCOPE, [Turn(text="a secret", id="a"), Turn(text="b", id="b")])
    Block(memory, lambda *_: "a secret", len).left(talk(), 4, PLACE)
    assert len(entries(memory)) == 1
    receipt = memory.forget(SCOPE, turn="a")
    assert (receipt.left, entries(memory)) == (0, [])
    Block(memory, lambda *_: "written again", len).left(talk(), 4, PLACE)
    assert memory.verify_receipt(receipt).holds


def test_a_digest_of_what_is_forgotten_meanwhile_is_not_stored() -> None:
    memory = open_memory()
    memory.append(SCOPE, [Turn(text="a secret", id="a"), Turn(text="b", id="b")])

    def write(_: Sequence[AnyMessage]) -> str:
        memory.forget(SCOPE, turn="a")
        return "a secret"

    Block(memory, as_digest(write), len).left(talk(), 4, PLACE)
    assert entries(memory) == []


def test_pinned_turns_are_there_at_once_and_until_they_are_let_go() -> None:
    memory = open_memory()
    turns = [Turn(text=f"Fact {number}.", id=f"f{number}", time=number) for number in range(3)]
    memory.append(SCOPE, turns)
    memory.flush(SCOPE)
    memory.append(SCOPE, Turn(text="Fact 3, in the tail.", id="f3"))
    block = Block(memory, None, len)
    assert block.pins(talk(), 4, PLACE) == []
    for turn in ("f3", "f1"):
        memory.pin(SCOPE, turn)
    (message,) = block.pins(talk(), 4, PLACE)
    assert message.text.splitlines()[1:] == ["[user]:", "> Fact 1.", "[user]:",
                                             "> Fact 3, in the tail."]  # fmt: skip
    memory.unpin(SCOPE, "f1")
    memory.forget(SCOPE, turn="f3")
    assert block.pins(talk(), 4, PLACE) == []


def test_only_a_shared_scope_has_pins_before_anything_left() -> None:
    memory = open_memory()
    memory.append(SCOPE, Turn(text="Fact.", id="f"))
    memory.pin(SCOPE, "f")
    assert Block(memory, None, len).pins(talk(), 0, PLACE) == []
    assert Block(memory, None, len).pins(talk(), 0, SHARED)


def test_a_pinned_turn_that_is_shown_anyway_is_not_said_twice() -> None:
    memory, conversation = open_memory(), talk()
    memory.append(SCOPE, conversation.turns(range(8)))
    for number in (1, 6):
        memory.pin(SCOPE, conversation.names[number])
    found = Block(memory, None, len).pinned(conversation, 4, PLACE)
    assert [turn.text for turn in found] == ["Message 1 of this talk."]


def test_of_too_many_pins_the_newest_are_shown() -> None:
    memory = open_memory()
    size = PINNED_TOKENS // 3
    turns = [Turn(text=f"{n}" * size, id=f"{n}", time=n) for n in range(4)]
    memory.append(SCOPE, turns)
    for turn in turns:
        memory.pin(SCOPE, str(turn.id))
    found = Block(memory, None, len).pinned(talk(), 4, PLACE)
    assert [turn.id for turn in found] == ["2", "3"]


def test_an_agent_is_always_sent_what_is_pinned(memory: OpticalMemory) -> None:
    chat = Chat(OptimemMiddleware(memory, **SMALL))
    chat.say("My locker has the code 7261.")
    chat.chatter()
    (turn,) = memory.recall("t", "locker code", 1)
    assert "7261" not in all_text(chat.say("What is the weather like?"))
    memory.pin("t", turn.id)
    one, two = chat.say("And tomorrow?"), chat.say("And the day after?")
    assert all_text(one).count("7261") == all_text(two).count("7261") == 1
    pinned = [m.text for sent in (one, two) for m in sent if m.text.startswith("Pinned")]
    assert len(pinned) == 2
    assert len({*pinned}) == 1
    memory.unpin("t", turn.id)
    assert "7261" not in all_text(chat.say("And in a week?"))


def test_pinned_turns_stand_beside_pages_as_text(memory: OpticalMemory) -> None:
    memory.append("s", Turn(text="Ann is allergic to nuts.", id="nuts"))
    memory.pin("s", "nuts")
    middleware = OptimemMiddleware(memory, mode="image", image_model="gpt-4o", scope="s", **SMALL)
    sent = sent_with(middleware, history(20))
    assert images(sent)
    assert sum("> Ann is allergic to nuts." in m.text for m in sent) == 1
