"""The report and the inspection in a real Chromium: slider, pointer, themes, search, phones."""

from pathlib import Path

import pytest

PHONE = {"width": 390, "height": 740}
CUT_OFF = """() => [...document.querySelectorAll(".chart:not(.wide) text")].filter((text) => {
  const box = text.getBBox(), frame = text.ownerSVGElement.viewBox.baseVal;
  return box.x < -0.5 || box.x + box.width > frame.width + 0.5;
}).map((text) => text.textContent)"""
WIDER = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_the_slider_follows_the_keyboard_from_large_to_trace(page: object, report: Path) -> None:
    page.goto(report.as_uri())
    page.locator("#tier").focus()
    shown = []
    for _ in range(5):
        image = page.locator("#image").get_attribute("alt")
        shown.append((page.locator("#name").text_content(), image.split()[-2]))
        page.keyboard.press("ArrowRight")
    assert shown == [("large", "1280"), ("base", "1024"), ("small", "640"), ("tiny", "512"),
                    ("trace", "384")]  # fmt: skip
    marked = page.locator("#read .u.w").all_text_contents()
    assert marked
    assert set("".join(marked)) == {"?"}  # what the small decoder loses: uncertain and wrong
    page.keyboard.press("Home")
    assert page.locator("#read .u").count() == 0
    assert page.evaluate("document.getElementById('image').naturalWidth") == 1280


def test_tokens_can_be_shown(page: object, report: Path) -> None:
    page.goto(report.as_uri())
    assert not page.locator("#tokens").is_visible()
    page.locator("#grid").check()
    assert page.locator("#tokens").is_visible()
    assert page.locator("#tokens rect").count() == 400


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_and_the_button(
    page: object, report: Path, scheme: str
) -> None:
    def lightness() -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return int(colour.split("(")[1].split(",")[0])

    page.emulate_media(color_scheme=scheme)
    page.goto(report.as_uri())
    assert (lightness() > 128) == (scheme == "light")
    page.locator("#theme").click()
    assert (lightness() > 128) == (scheme == "dark")


def test_a_phone_shows_everything_that_matters(
    page: object, report: Path, inspection: Path
) -> None:
    """Nothing is wider than the page but what scrolls by itself, and labels lie in their charts."""
    page.set_viewport_size(PHONE)
    for path in (report, inspection):
        page.goto(path.as_uri())
        assert not page.evaluate(WIDER)
    page.goto(report.as_uri())
    assert page.locator(".narrow.chart").count() == page.locator(".chart:visible").count() > 0
    assert page.evaluate(CUT_OFF) == []


def test_a_wide_table_scrolls_beside_its_first_column(page: object, report: Path) -> None:
    page.set_viewport_size(PHONE)
    page.goto(report.as_uri())
    table = page.locator(".scroll").first
    heading = table.locator("tbody th").first
    before = heading.bounding_box()["x"]
    table.evaluate("element => { element.scrollLeft = 200; }")
    assert table.evaluate("element => element.scrollLeft") == 200
    assert heading.bounding_box()["x"] == pytest.approx(before, abs=2)


def test_the_character_under_the_pointer_lights_up_in_both(page: object, report: Path) -> None:
    page.goto(report.as_uri())
    stage, read = page.locator("#stage"), page.locator("#read")
    stage.scroll_into_view_if_needed()
    assert not page.locator("#spot-image").is_visible()
    frame = stage.bounding_box()
    page.mouse.move(frame["x"] + 20, frame["y"] + 3)
    assert page.locator("#spot-image").is_visible()
    spot = page.locator("#spot-text").bounding_box()
    assert frame["x"] + frame["width"] < spot["x"]
    page.mouse.move(spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    back = page.locator("#spot-text").bounding_box()
    assert back == pytest.approx(spot, abs=1)
    page.mouse.move(2, 2)
    assert not page.locator("#spot-text").is_visible()
    assert read.is_visible()


@pytest.mark.parametrize(
    ("moved", "to", "other", "wanted"),
    [("stage", 0.125, "read", 0.5), ("read", 0.5, "stage", 0.125)],
)
def test_image_and_text_scroll_together(
    page: object, report: Path, moved: str, to: float, other: str, wanted: float
) -> None:
    """The text fills the upper quarter of the small page."""
    page.set_viewport_size(PHONE)
    page.goto(report.as_uri())
    page.add_style_tag(content="#stage, #read { height: 90px !important }")
    page.locator(f"#{moved}").hover()
    share = "element => element.scrollTop / (element.scrollHeight - element.clientHeight)"
    move = "(it, to) => { it.scrollTop = to * (it.scrollHeight - it.clientHeight); }"
    for at, expected in ((to, wanted), (1, 1), (0, 0)):
        page.locator(f"#{moved}").evaluate(move, at)
        page.wait_for_timeout(60)
        assert page.locator(f"#{other}").evaluate(share) == pytest.approx(expected, abs=0.1)


def test_the_inspection_finds_and_marks_what_is_readable(page: object, inspection: Path) -> None:
    page.goto(inspection.as_uri())
    assert "60 of 60 turns, 50 shown" in page.locator("#count").text_content()
    page.locator("#query").fill("fact 742 (")
    assert page.locator("#count").text_content() == "0 of 60 turns"
    page.locator("#query").fill("fact 742")
    assert page.locator("#count").text_content() == "1 of 60 turns"
    assert "Fact 42 is 742." in page.locator("#found").text_content()
    assert page.locator("#found mark").all_text_contents() == ["Fact", "742"]


def test_pages_lead_to_their_turns_and_back(page: object, inspection: Path) -> None:
    page.goto(inspection.as_uri())
    cards = page.locator(".card")
    assert cards.count() == 3
    said = int(cards.first.locator(".onpage").text_content().split()[0])
    cards.first.locator(".onpage").click()
    assert page.locator("#count").text_content() == f"{said} of 60 turns are on this page"
    page.locator("#all").click()
    assert page.locator("#count").text_content().startswith("60 of 60")
    cards.first.locator("svg path").first.dispatch_event("click")
    assert "Fact 0 is 70." in page.locator(".turn.chosen").text_content()
    page.locator(".turn.chosen a").first.click()
    assert page.url.endswith("#page-0")
