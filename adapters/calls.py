"""A call of a LangChain model as a plan knows it: the model's name and limits, the prices that hold
for it, and what its system message and tools cost."""

import json
from functools import lru_cache
from typing import Any

from langchain.agents.middleware import ModelRequest

from optimem.adapters.pages import model_name
from optimem.planning.planner import Call
from optimem.prompts.cache_rules import CacheRule, cache_rule_for
from optimem.prompts.draft import TokenCounter


def read_call(
    request: ModelRequest[Any], cache: str | CacheRule | None, count: TokenCounter
) -> Call:
    """A call. `cache`: the price rule of the provider's cache, or the name of the model, to use
    instead of the model's own name."""
    model = request.model
    rule = cache
    if not isinstance(rule, CacheRule):
        rule = cache_rule_for(rule or model_name(model))
    takes = (getattr(model, "profile", None) or {}).get("max_input_tokens")
    return Call(type(model).__name__, rule, fixed_tokens(request, count), takes)


def fixed_tokens(request: ModelRequest[Any], count: TokenCounter) -> int:
    """Tokens of the system message and the tools."""
    system = str(request.system_message.text) if request.system_message else ""
    return count(system) + sum(count(_written(tool)) for tool in request.tools)


def _written(tool: Any) -> str:
    """A tool's definition as JSON."""
    if isinstance(tool, dict):
        return json.dumps(tool, default=str)
    return _definition(tool.name, tool.description, tool.tool_call_schema)


@lru_cache(maxsize=1 << 10)
def _definition(name: str, description: str, schema: Any) -> str:
    fields = schema if isinstance(schema, dict) else schema.model_json_schema()
    return json.dumps([name, description, fields], default=str)
