"""Stored vision tokens answered by a vLLM server as it is: sent as `prompt_embeds`, without pixels.

The server holds the language model; nothing of the checkpoint is needed here. Importing this file
loads neither torch nor an HTTP client.
"""

SCHEMES = ("vllm+http://", "vllm+https://")
"""How the address of such a server begins where a model could be named as well."""


def is_address(name: str) -> bool:
    """Whether a name is the address of a vLLM server."""
    return name.startswith(SCHEMES)
