"""What the figures mean for a text: which tier to take, or to keep the text. Pure.

The rule: of all settings measured, the one with the most text tokens per vision token at which
`TARGET` of the characters come back right, by the lower bound of the interval.
"""

from typing import Any, NamedTuple

from optimem.evaluation.figures import parts
from optimem.text.wording import percent

TARGET = 0.99
"""Share of characters right that is good enough to read from. A reader, human or model, is seldom
misled by one wrong letter in a hundred; ids need more, and a memory keeps them exact."""
EQUAL_TOKENS = "newest"
"""The baseline that stands for keeping as much plain text as the context has room for."""


class Verdict(NamedTuple):
    """About one text. `advice`: what to do, in some words. `reason`: the figures behind it, in one
    or two sentences. `good`: whether a tier is good enough."""

    text: str
    advice: str
    reason: str
    good: bool


def verdicts(result: dict[str, Any]) -> list[Verdict]:
    """For each of the user's texts."""
    own: dict[str, list[dict[str, Any]]] = {}
    for part in parts(result, "score"):
        if not part["controlled"]:
            own.setdefault(part["name"], []).append(part)
    return [judge(text, settings) for text, settings in own.items()]


def judge(text: str, settings: list[dict[str, Any]]) -> Verdict:
    """The verdict on a text from the parts of a result that measured it."""
    ordered = sorted(settings, key=lambda part: part["figures"]["ratio"])
    good = [part for part in ordered if part["figures"]["right"]["low"] >= TARGET]
    if not good:
        gentle = ordered[0]
        reason = (
            f"Even at {_ratio(gentle)} ({gentle['tier']}), {_right(gentle)} of the characters "
            f"come back right, fewer than {percent(TARGET, 0)}."
        )
        return Verdict(text, "Keep the text", reason, good=False)
    best = good[-1]
    beyond = [part for part in ordered if part["figures"]["ratio"] > best["figures"]["ratio"]]
    reason = " ".join(filter(None, [_case(best), _limit(beyond)]))
    return Verdict(text, f"Take {best['tier'].capitalize()}, at {_ratio(best)}", reason, good=True)


def _case(part: dict[str, Any]) -> str:
    """What comes back at a setting, beside plain text in as many tokens."""
    words = part["figures"]["word_error"]["value"]
    sentence = (
        f"{_right(part)} of the characters and {percent(1 - words, 1)} of the words come back "
        f"right, with {part['figures']['ratio']:.1f} text tokens in one vision token"
    )
    plain = part["baselines"].get(EQUAL_TOKENS)
    if plain:
        sentence += f"; as many tokens of plain text would hold {percent(plain['right'], 1)}"
    return sentence + "."


def _limit(beyond: list[dict[str, Any]]) -> str:
    """Where it stops being good enough."""
    if not beyond:
        return "Nothing smaller was measured."
    return f"{_ratio(beyond[0])} is too much: {_right(beyond[0])} ({beyond[0]['tier']})."


def _ratio(part: dict[str, Any]) -> str:
    asked = part["asked"]
    return f"{part['figures']['ratio']:.1f}×" if asked is None else f"{asked:g}×"


def _right(part: dict[str, Any]) -> str:
    return percent(part["figures"]["right"]["value"])
