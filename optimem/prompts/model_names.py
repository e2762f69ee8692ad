"""What a model is called: by its vendor, by clouds and routers, as a fine-tune, by an alias; and
which known name is nearest to an unknown one. Knows no prices."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

NO_IMAGES = re.compile(
    r".*(embed|transcribe|tts|whisper|audio|realtime|moderation|dall-e|image).*"
    r"|gpt-3.*|(text|code|davinci|babbage)-.*|o1-mini.*|o3-mini.*|claude-(instant|2).*"
)
"""Models that read no images, whatever their name is near to."""

ALIASES = {"chatgpt-4o": "gpt-4o", "chatgpt-4o-latest": "gpt-4o"}
CLOSE = 0.75
"""How much of a name must be the same, from 0 to 1."""


def spellings(model: str) -> Iterator[str]:
    """What a model's vendor may call it, the likeliest first. Read are prefixes of a provider or
    router ("openai:gpt-5", "anthropic/claude-opus-4.8"), Bedrock's ids and ARNs
    ("us.anthropic.claude-opus-5-v1:0"), Vertex AI's ("publishers/google/models/gemini-2.5-pro",
    "claude-opus-4-8@20260101") and fine-tunes ("ft:gpt-4o-mini:team::id")."""
    for part in re.split(r"[:/]", model.strip().lower()):
        name = re.sub(r"^.*\banthropic\.", "", part).replace("@", "-")
        if name.startswith("claude"):
            name = re.sub(r"-v\d+$", "", name).replace(".", "-")
        yield ALIASES.get(name, name)


def nearest(model: str, known: Sequence[str]) -> str | None:
    """The known name that an unknown model's begins with, the longest one, else the most similar;
    None if there is none, or the model reads no images."""
    for name in spellings(model):
        if NO_IMAGES.fullmatch(name):
            return None
        begins = [one for one in known if name.startswith(f"{one}-")]
        if begins:
            return max(begins, key=len)
        if close := get_close_matches(name, known, 1, CLOSE):
            return close[0]
    return None
