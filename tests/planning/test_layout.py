"""How a request is laid out."""

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage

from optimem.adapters.conversation import read_conversation, write_messages
from optimem.planning.layout import digest_note, lay_out
from optimem.planning.ledger import Sent


def test_digest_then_what_stays_then_recollections_before_their_questions() -> None:
    said: list[AnyMessage] = [
        SystemMessage("rule"), HumanMessage("old"), HumanMessage("one"), AIMessage("a"),
        HumanMessage("two"),
    ]  # fmt: skip
    talk = read_conversation(said, "")
    sent = {talk.names[2]: Sent(0, (), "for one"), talk.names[4]: Sent(0, (), "")}
    laid = write_messages(talk, lay_out(talk, 2, [digest_note("user: hi")], sent))
    assert [message.text.splitlines()[-1] for message in laid] == [
        "> user: hi", "rule", "for one", "one", "a", "two",
    ]  # fmt: skip
