"""How results show themselves: a short repr, and HTML in notebooks."""

from html.parser import HTMLParser
from typing import Any

import pytest

from optimem.protocols import Box
from optimem.reports import AppendReport, Move, SweepReport
from optimem.results import (
    Answer,
    PagePart,
    Passage,
    RecalledTurn,
    Recollection,
    TurnList,
    Unreadable,
)

DAY = 86_400.0
PAGE = PagePart(page="p<1>", tier="small", boxes=[Box(10, 20, 110, 28), Box(0, 28, 52.5, 36)])
TAIL = PagePart(page=None, tier="tail", boxes=[])


def turn_fields(**fields: Any) -> dict[str, Any]:
    usual = {
        "id": "t<1>", "role": "user", "time": 0.0, "age": 3 * DAY, "exact": False,
        "text": "Port 6\ufffd\ufffd3 <b>", "guess": "Port 6543 <b>",
        "probability": 0.91, "least": 0.2, "parts": [PAGE, TAIL],
    }  # fmt: skip
    return usual | fields


def passage(**fields: Any) -> Passage:
    return Passage(**turn_fields(score=1.0, number=1) | fields)


class Tags(HTMLParser):
    """The tags of some HTML, with their attributes, the text, and what was left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", list[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_a_turn_is_one_short_line() -> None:
    turn = RecalledTurn(**turn_fields(text="x" * 61 + "\nand more"))
    assert repr(turn) == (
        f"RecalledTurn(role='user', age='3 days ago', tier='small', text='{'x' * 60}…')"
    )
    hit = Recollection(**turn_fields(text="a\nb", parts=[TAIL], score=2.0))
    assert repr(hit) == "Recollection(role='user', age='3 days ago', tier='tail', text='a\\nb')"
    assert str(hit) == "role='user' age='3 days ago' tier='tail' text='a\\nb'"
    assert repr(passage(text="a")).startswith("Passage(number=1, role='user', ")


def test_an_answer_and_a_report_count_their_lists() -> None:
    answer = Answer(
        text="Port 6543.", known=True, source="llm", passages=[passage()] * 2, probability=0.9
    )
    assert repr(answer) == "Answer(known=True, source='llm', text='Port 6543.', passages=2)"
    move = Move(scope="s", page="p", before="large", after=None, expected_accuracy=0.9)
    report = SweepReport(
        moves=[move] * 500, unreadable=[], kept=1, skipped=0, bytes_before=9, bytes_after=5
    )
    assert repr(report) == (
        "SweepReport(moves=500, unreadable=0, stays=0, kept=1, skipped=0, "
        "bytes_before=9, bytes_after=5)"
    )
    assert repr(AppendReport(added=1, duplicates=0)) == (
        "AppendReport(added=1, duplicates=0, forgotten=0)"
    )


def test_html_marks_what_is_uncertain_and_shows_the_guess() -> None:
    html = RecalledTurn(**turn_fields())._repr_html_()
    assert '>Port 6<mark title="uncertain">54</mark>3 &lt;b&gt;</div>' in html
    page = Tags(html)
    assert page.open == []
    assert "user · 3 days ago · small · 91.0 % certain · t<1>" in page.text
    exact = RecalledTurn(**turn_fields(text="Port 6543 <b>", exact=True))._repr_html_()
    assert "<mark" not in exact
    assert "· exact ·" in exact


def test_html_boxes_the_lines_on_a_sketch_of_their_page() -> None:
    page = Tags(RecalledTurn(**turn_fields())._repr_html_())
    (sketch,) = page.named("svg")
    assert sketch["viewbox"] == "0 0 640 640"  # Small
    places = [
        tuple(float(str(box[side])) for side in ("x", "y", "width", "height"))
        for box in page.named("rect")
    ]
    assert places == [(10, 20, 100, 8), (0, 28, 52.5, 8)]
    assert "page p<1> (small)" in page.text


@pytest.mark.parametrize(("tier", "side"), [("trace", 384), ("large", 1280), ("text", 1280)])
def test_a_sketch_is_as_large_as_its_tier(tier: str, side: int) -> None:
    (sketch,) = Tags(PAGE.model_copy(update={"tier": tier})._repr_html_()).named("svg")
    assert sketch["viewbox"] == f"0 0 {side} {side}"


def test_an_answer_lists_its_passages_by_their_numbers() -> None:
    passages = [passage(number=1, parts=[TAIL]), passage(number=3)]
    answer = Answer(text="6543 <i>", known=True, source="llm", passages=passages, probability=0.9)
    page = Tags(answer._repr_html_())
    assert page.open == []
    assert page.text.startswith("6543 <i>")
    assert [item["value"] for item in page.named("li")] == ["1", "3"]
    assert len(page.named("svg")) == 1


def test_json_holds_every_field() -> None:
    assert RecalledTurn.model_validate_json(passage().model_dump_json()).guess == "Port 6543 <b>"
    assert set(Passage.model_fields) >= {*RecalledTurn.model_fields, "score", "number"}


def test_a_list_of_turns_shows_each_and_what_is_missing() -> None:
    damage = Unreadable(scope="s", entry="page:1", reason="damaged")
    turns = TurnList([RecalledTurn(**turn_fields())] * 2, [damage])
    page = Tags(turns._repr_html_())
    assert [item["value"] for item in page.named("li")] == ["1", "2"]
    assert len(page.named("svg")) == 2
    assert page.text.endswith("1 cannot be read.")
    assert page.open == []
    assert Tags(TurnList()._repr_html_()).text == "No turns."


def test_a_speaker_is_named_and_never_passes_for_a_role() -> None:
    named = [RecalledTurn(**turn_fields(name=name)).speaker for name in (None, "Ann", "Assistant")]
    assert named == ["user", "Ann", "Assistant (user)"]
