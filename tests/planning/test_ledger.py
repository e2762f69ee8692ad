"""What was recalled is sent again byte for byte, and is gone once it is forgotten."""

from optimem import OpticalMemory
from optimem.planning.ledger import Ledger, Quote, Quoted
from optimem.testing import ManualClock, open_memory
from optimem.turns import Scope, Turn

SCOPE = Scope(session="s")
QUOTE = Quote(SCOPE, "a", 0, 100)


def just_read(memory: OpticalMemory, *quotes: Quote) -> Quoted:
    """Quotes with the turns that they are of."""
    found = memory.read(SCOPE, [quote.turn for quote in quotes])
    return Quoted([*quotes], {(SCOPE, turn.id): turn for turn in found})


def test_another_process_sends_the_same_bytes_later() -> None:
    clock = ManualClock()
    memory = open_memory(clock=clock)
    memory.append(SCOPE, Turn(text="The code is 7261.", id="a"))
    clock.advance(hours=2)
    quoted = just_read(memory, QUOTE)
    clock.advance(hours=1)
    first = Ledger(memory).write(SCOPE, "q", quoted)
    assert "7261" in first.text
    assert "3 hours ago" in first.text
    clock.advance(days=2)
    assert Ledger(memory).find(SCOPE, ["q", "other"]) == {"q": first}


def test_the_first_to_write_wins() -> None:
    memory = open_memory()
    memory.append(SCOPE, [Turn(text="one", id="a"), Turn(text="two", id="b")])
    one = Ledger(memory).write(SCOPE, "q", just_read(memory, QUOTE))
    other = just_read(memory, QUOTE._replace(turn="b"))
    assert Ledger(memory).write(SCOPE, "q", other) == one


def test_a_forgotten_turn_is_not_sent_again() -> None:
    memory = open_memory()
    memory.append(SCOPE, [Turn(text="secret", id="a"), Turn(text="plain", id="b")])
    ledger = Ledger(memory)
    ledger.write(SCOPE, "q", just_read(memory, QUOTE, QUOTE._replace(turn="b")))
    memory.forget(SCOPE, turn="a")
    for each in (ledger, Ledger(memory)):
        (sent,) = each.find(SCOPE, ["q"]).values()
        assert "plain" in sent.text
        assert "secret" not in sent.text
    assert memory.store.get(SCOPE, [key.key for key in memory.store.entries(SCOPE, "sent:")])
    assert all(
        b"secret" not in entry.value
        for info in memory.store.entries(SCOPE)
        for entry in memory.store.get(SCOPE, [info.key])
        if entry
    )


def test_a_part_of_a_turn_is_quoted_as_a_part() -> None:
    memory = open_memory()
    memory.append(SCOPE, Turn(text="before MIDDLE after", id="a"))
    sent = Ledger(memory).write(SCOPE, "q", just_read(memory, Quote(SCOPE, "a", 7, 13)))
    assert "… MIDDLE …" in sent.text
    assert "before" not in sent.text


def test_forgetting_the_scope_leaves_nothing() -> None:
    memory = open_memory()
    memory.append(SCOPE, Turn(text="x", id="a"))
    Ledger(memory).write(SCOPE, "q", just_read(memory, QUOTE))
    assert memory.forget(SCOPE).left == 0
    assert not list(memory.store.entries(SCOPE, "sent:"))
