"""What commands print."""

import pytest

from optimem.cli.output import print_fields, print_json, print_rows, progress_bar


def test_json_keeps_letters_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "naïve 漢字"})
    assert capsys.readouterr().out == '{\n  "text": "naïve 漢字"\n}\n'


def test_fields_have_names_and_grouped_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields("all scopes", {"stored_bytes": 12345, "pages_by_tier": {"tiny": 1000}})
    shown = capsys.readouterr().out
    assert shown.startswith("all scopes")
    assert "stored bytes" in shown
    assert "12,345" in shown
    assert "tiny: 1,000" in shown


def test_numbers_are_never_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    rows = [["text", "characters right", "ids"], ["long names of texts", "100.0 – 100.0", "100 %"]]
    print_rows(rows)
    shown = capsys.readouterr().out
    assert "100.0 – 100.0" in shown
    assert "long names" in shown
    assert max(map(len, shown.splitlines())) <= 40


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("measuring") as bar:
        bar(1, 2)
        bar(2, 2)
    assert capsys.readouterr() == ("", "")
