"""Conversations in two published formats, from files that a user has.

LoCoMo (github.com/snap-research/locomo): a list of conversations, each with its sessions, their
dates, and questions whose evidence is named by turn. LongMemEval
(github.com/xiaowu0162/LongMemEval): a list of questions, each with sessions of its own; the turns
that answer it have `has_answer`.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.recall.talks import Asked, Said, Talk, seconds
from optimem.errors import InputError
from optimem.roles import Role

LOCOMO_KINDS = {1: "hops", 2: "time", 3: "open", 4: "one turn", 5: "no answer"}
LOCOMO_DATE, LONGMEMEVAL_DATE = "%I:%M %p on %d %B, %Y", "%Y/%m/%d (%a) %H:%M"
TURN_SECONDS = 30.0
"""Between two turns of a session, whose date is that of its first."""


def read_locomo(path: Path) -> list[Talk]:
    """The conversations of a file in LoCoMo's format. A question whose evidence names no turn is
    left out, unless it has no answer. Raises InputError for another file."""
    return _read(path, "LoCoMo", lambda samples: [_locomo_talk(sample) for sample in samples])


def read_longmemeval(path: Path) -> list[Talk]:
    """The conversations of a file in LongMemEval's format, one for each question. Raises
    InputError for another file."""
    return _read(path, "LongMemEval", lambda items: [_longmemeval_talk(item) for item in items])


def _read(path: Path, form: str, make: Any) -> list[Talk]:
    try:
        talks: list[Talk] = make(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not in {form}'s format: {error!r:.200}; give the JSON file as published"
        ) from error
    return talks


def _locomo_talk(sample: dict[str, Any]) -> Talk:
    turns = [said for number in _sessions(sample) for said in _locomo_session(sample, number)]
    known, end = {said.id for said in turns}, turns[-1].time
    asked = []
    for qa in sample["qa"]:
        kind = LOCOMO_KINDS[qa["category"]]
        evidence = tuple(dict.fromkeys(id for id in qa.get("evidence", []) if id in known))
        if kind == "no answer":
            asked.append(Asked(kind, qa["question"], (), end))
        elif evidence:
            asked.append(Asked(kind, qa["question"], evidence, end, str(qa.get("answer", ""))))
    return Talk(str(sample["sample_id"]), tuple(turns), tuple(asked))


def _sessions(sample: dict[str, Any]) -> list[int]:
    """The numbers of the sessions that have turns."""
    names = sample["conversation"]
    found = [int(name.split("_")[1]) for name in names if name.endswith("_date_time")]
    return sorted(number for number in found if names.get(f"session_{number}"))


def _locomo_session(sample: dict[str, Any], number: int) -> Iterator[Said]:
    conversation = sample["conversation"]
    date = conversation[f"session_{number}_date_time"]
    start = seconds(datetime.strptime(date, LOCOMO_DATE))
    for at, turn in enumerate(conversation[f"session_{number}"]):
        picture = turn.get("blip_caption")
        shown = f" [shares a picture: {picture}]" if picture else ""
        role: Role = "user" if turn["speaker"] == conversation["speaker_a"] else "assistant"
        time = start + TURN_SECONDS * at
        yield Said(turn["dia_id"], turn["speaker"], role, time, turn["text"] + shown)


def _longmemeval_talk(item: dict[str, Any]) -> Talk:
    sessions = zip(item["haystack_dates"], item["haystack_sessions"], strict=True)
    dated = sorted(((_longmemeval_date(date), turns) for date, turns in sessions), key=_first)
    said, evidence = [], []
    for number, (start, turns) in enumerate(dated):
        for at, turn in enumerate(turns):
            id = f"{number}:{at}"
            time = start + TURN_SECONDS * at
            said.append(Said(id, None, turn["role"], time, turn["content"]))
            evidence += [id] if turn.get("has_answer") else []
    unanswerable = item["question_id"].endswith("_abs")
    asked = Asked(
        "no answer" if unanswerable else item["question_type"], item["question"],
        () if unanswerable else tuple(evidence), _longmemeval_date(item["question_date"]),
        str(item.get("answer", "")),
    )  # fmt: skip
    questions = (asked,) if unanswerable or evidence else ()
    return Talk(item["question_id"], tuple(said), questions)


def _longmemeval_date(text: str) -> float:
    return seconds(datetime.strptime(text, LONGMEMEVAL_DATE))


def _first(dated: tuple[float, Any]) -> float:
    return dated[0]
