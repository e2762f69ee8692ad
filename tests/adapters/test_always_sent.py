"""What an agent's request always holds, who counts its tokens, and when its digest is written."""

from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage

from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.memory.recall.prompting import count_tokens
from tests.adapters.test_agent_memory import SMALL, Chat, all_text


def test_every_system_message_is_sent_whatever_leaves(memory: OpticalMemory) -> None:
    chat = Chat(OptimemMiddleware(memory, **SMALL), system_prompt="Be brief.")
    chat.say(SystemMessage("Never give out PINs."), "Hello")
    chat.chatter(10)
    sent = chat.say("And now?")
    assert [m.text for m in sent if m.type == "system"] == ["Be brief.", "Never give out PINs."]
    assert len(sent) < 12


def test_tokens_are_counted_by_whom_the_user_names(memory: OpticalMemory) -> None:
    """By letters, a trigger in tokens is reached some four times as soon."""
    lengths = []
    for thread, count in (("tokens", count_tokens), ("letters", len)):
        middleware = OptimemMiddleware(
            memory, trigger=("tokens", 700), keep=("tokens", 50), count=count, on_error="raise"
        )
        chat = Chat(middleware, thread)
        chat.chatter(20)
        lengths.append(len(chat.say("And now?")))
    assert lengths[1] < lengths[0] == 41


def test_a_digest_of_ones_own_is_written_only_when_the_boundary_moves(
    memory: OpticalMemory,
) -> None:
    written: list[int] = []

    def digest(messages: Sequence[AnyMessage]) -> str:
        written.append(len(messages))
        return f"DIGEST of {len(messages)}"

    chat = Chat(OptimemMiddleware(memory, digest=digest, **SMALL))
    seen = []
    for number in range(24):
        sent = all_text(chat.say(f"Number {number}"))
        seen.append(sent[sent.find("DIGEST") :].split("\n")[0] if "DIGEST" in sent else "")
    shown = [text for text in dict.fromkeys(seen) if text]
    assert 1 < len(shown) < 24
    assert len(written) == len(shown)
    assert isinstance(chat.messages[0], HumanMessage)
    assert isinstance(chat.messages[-1], AIMessage)
