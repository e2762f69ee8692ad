"""The recall benchmark: its conversations, the published formats, the contenders and the tables."""

import json
from pathlib import Path

import pytest

from benchmarks.recall.contenders import SCOPE, Bm25, Chance, Newest, Optimem, Setting, fitting
from benchmarks.recall.generate import HELD_OUT, make_talk
from benchmarks.recall.measure import BUDGETS, measure
from benchmarks.recall.published import read_locomo, read_longmemeval
from benchmarks.recall.report import answer_table, budget_table, certainty_table, kind_table
from benchmarks.recall.talks import Asked, Said, Talk
from benchmarks.recall.tool_talk import make_tool_talk
from optimem.errors import InputError
from optimem.memory.recall.prompting import count_tokens

DAY = 86_400.0
SMALL = Talk(
    "small",
    tuple(
        Said(f"t{n}", name, "user", n * 60.0, text)
        for n, (name, text) in enumerate(
            [("Ann", "I bought a red lantern."), ("Ben", "Where?"), ("Ann", "In Ghent."),
             ("Ben", "It rains here."), ("Ann", "Here too.")]
        )
    ),
    (
        Asked("one turn", "What lantern was it that Ann bought?", ("t0",), 9 * DAY, "red lantern"),
        Asked("no answer", "Which university did Ben leave?", (), 9 * DAY),
    ),
)  # fmt: skip


def test_a_seed_always_makes_the_same_conversation_and_another_seed_another() -> None:
    assert make_talk(3) == make_talk(3)
    assert make_tool_talk(3) == make_tool_talk(3)
    assert make_talk(3).turns != make_talk(4).turns
    assert len({said.speaker for said in make_talk(3).turns}) == 3


def test_questions_of_every_kind_name_turns_that_there_are_and_come_later() -> None:
    kinds = set()
    for talk in (make_talk(1), make_tool_talk(1)):
        times = {said.id: said.time for said in talk.turns}
        assert len(times) == len(talk.turns)
        assert list(times.values()) == sorted(times.values())
        for asked in talk.questions:
            kinds.add(asked.kind)
            assert asked.answerable != asked.kind.startswith("no answer")
            assert all(times[id] < asked.time for id in asked.evidence), asked
    assert kinds >= {"one turn", "paraphrase", "time", "date", "update", "speaker", "hops"}
    assert kinds >= {"no answer", *HELD_OUT}


def test_what_is_asked_of_one_person_was_said_by_that_person() -> None:
    talk = make_talk(2)
    said = {each.id: each for each in talk.turns}
    for asked in talk.questions:
        for id in asked.evidence:
            assert str(said[id].speaker) in asked.text


def test_locomo_files_are_read(tmp_path: Path) -> None:
    conversation = {
        "speaker_a": "Ann", "speaker_b": "Ben",
        "session_2_date_time": "9:05 am on 3 June, 2023",
        "session_2": [{"speaker": "Ben", "dia_id": "D2:1", "text": "Bye."}],
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ann", "dia_id": "D1:1", "text": "Hi."},
            {"speaker": "Ben", "dia_id": "D1:2", "text": "Look!", "blip_caption": "a red kite"},
        ],
        "session_3_date_time": "9:05 am on 4 June, 2023",
    }  # fmt: skip
    qa = [
        {"question": "a?", "answer": 2022, "evidence": ["D1:2", "D9:9", "D1:2"], "category": 2},
        {"question": "b?", "evidence": [], "category": 1},
        {"question": "c?", "adversarial_answer": "x", "evidence": ["D1:1"], "category": 5},
    ]
    path = tmp_path / "locomo.json"
    path.write_text(json.dumps([{"sample_id": "conv-1", "conversation": conversation, "qa": qa}]))
    (talk,) = read_locomo(path)
    assert [said.id for said in talk.turns] == ["D1:1", "D1:2", "D2:1"]
    assert talk.turns[1].text == "Look! [shares a picture: a red kite]"
    assert [(said.speaker, said.role) for said in talk.turns[:2]] == [
        ("Ann", "user"), ("Ben", "assistant"),
    ]  # fmt: skip
    assert talk.turns[0].time == 1_683_554_160  # 13:56 UTC
    assert [(q.kind, q.evidence) for q in talk.questions] == [
        ("time", ("D1:2",)), ("no answer", ()),
    ]  # fmt: skip
    assert [q.answer for q in talk.questions] == ["2022", ""]


def test_longmemeval_files_are_read_in_the_order_of_their_dates(tmp_path: Path) -> None:
    item = {
        "question_id": "q1", "question_type": "temporal-reasoning", "question": "when?",
        "question_date": "2023/05/30 (Tue) 02:36", "answer": "May",
        "haystack_dates": ["2023/05/22 (Mon) 14:00", "2023/05/10 (Wed) 09:00"],
        "haystack_sessions": [
            [{"role": "user", "content": "later", "has_answer": True}],
            [{"role": "user", "content": "first"}, {"role": "assistant", "content": "second"}],
        ],
    }  # fmt: skip
    path = tmp_path / "longmemeval.json"
    path.write_text(json.dumps([item, {**item, "question_id": "q1_abs"}]))
    answerable, unanswerable = read_longmemeval(path)
    assert [said.text for said in answerable.turns] == ["first", "second", "later"]
    assert [(q.kind, q.evidence) for q in answerable.questions] == [
        ("temporal-reasoning", ("1:0",))
    ]
    assert [q.kind for q in unanswerable.questions] == ["no answer"]


@pytest.mark.parametrize("read", [read_locomo, read_longmemeval])
@pytest.mark.parametrize("content", ["{", "[1]", '{"a": 1}', '[{"sample_id": 1}]'])
def test_other_files_are_refused_by_name(tmp_path: Path, read: object, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"other\.json is not in .*'s format"):
        read(path)  # type: ignore[operator]
    with pytest.raises(InputError, match="missing"):
        read(tmp_path / "missing.json")  # type: ignore[operator]


def test_a_budget_is_filled_and_never_exceeded() -> None:
    assert fitting([("a", 5), ("b", 9), ("c", 4), ("d", 2)], 10) == ["a", "c"]
    asked = SMALL.questions[0]
    sizes = {said.id: count_tokens(said.text) for said in SMALL.turns}
    for contender in (Bm25(SMALL), Newest(SMALL), Chance(SMALL)):
        for budget in (1, 12, 1000):
            found = contender.found(asked, budget)
            assert len(set(found)) == len(found)
            assert sum(sizes[id] for id in found) <= budget
    assert Bm25(SMALL).found(asked, 50)[0] == Optimem(SMALL).found(asked, 50)[0] == "t0"
    assert Newest(SMALL).found(asked, 1000) == ["t4", "t3", "t2", "t1", "t0"]


def test_pages_are_read_by_the_model_as_they_are_after_some_days() -> None:
    talk = Talk("short", make_talk(1).turns[:90], ())
    for days, tier in ((0, "large"), (60, "tiny")):
        pages = Optimem(talk, Setting(days=days)).memory.stats(SCOPE).pages_by_tier
        assert tier in map(str, pages)


def test_everything_is_counted_once_and_shown() -> None:
    results = measure([SMALL])
    assert results.counts == {"one turn": 1}
    assert results.answering["one turn"].asked == results.answering["one turn"].answered == 1
    assert results.answering["one turn"].told == results.answering["one turn"].quoted == 1
    assert (results.answering["no answer"].asked, results.answering["no answer"].answered) == (1, 0)
    assert [len(row) for row in budget_table(results)] == [1 + 2 * len(BUDGETS)] * 5
    assert results.findings[Bm25.name].any_hit(700, ["one turn"]) == 1
    (_, row) = kind_table(results)
    assert row[:2] == ["one turn", "1"]
    assert answer_table(results)[1] == ["one turn", "1", "100.0 %", "100.0 %", "100.0 %"]
    assert answer_table(results)[-1][:3] == ["all without an answer", "1", "0.0 %"]
    assert sum(int(row[1]) for row in certainty_table(results)[1:]) == 1
