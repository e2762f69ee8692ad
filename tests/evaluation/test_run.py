"""A whole run on a small reader: ratios, resuming, baselines, and the errors it names."""

import json
import sys
import time
from pathlib import Path

import pytest

from optimem.errors import (
    BaselineError,
    InputError,
    MissingExtraError,
    RatioError,
    ResumeError,
    SampleError,
    TextError,
    TokenizerError,
)
from optimem.evaluation import baselines, kinds, tables
from optimem.evaluation.kinds import Kind, classify, controlled_kinds, read_kinds
from optimem.evaluation.run import evaluate
from optimem.evaluation.settings import tier_for
from optimem.evaluation.tokenizers import counter, first_tokens, last_tokens
from optimem.testing import plain_codec
from optimem.tiers import Tier

TEXT = Kind("prose", "".join(f"Line {n} says port {n * 37}.\n" for n in range(120)), False)
SMALL = {"ratios": (0.2, 1.0), "pages": 3, "tokens": "bytes", "controlled": False}
LOST = {Tier.TRACE: 10, Tier.TINY: 20}


def run(**changed: object) -> dict:
    given = {"texts": [TEXT], "model": plain_codec(LOST), **SMALL, **changed}
    return evaluate(**given)


def test_a_ratio_takes_the_sharpest_tier_that_reaches_it_and_fills_it_so_far() -> None:
    scored = list(tables.parts(run(), "score"))
    assert [(part["tier"], part["asked"]) for part in scored] == [("large", 0.2), ("large", 1.0)]
    assert [part["figures"]["ratio"] for part in scored] == pytest.approx([0.2, 1.0], rel=0.01)
    assert tier_for(3, 400) == Tier.SMALL
    assert tier_for(20, 400) is None


def test_a_ratio_that_one_kind_cannot_reach_stops_nothing() -> None:
    wide = Kind("wide", "".join(f"Строка {n} говорит: порт. " for n in range(60)), False)
    found = run(texts=[TEXT, wide], ratios=(1.0, 15.0))
    assert [part["setting"] for part in tables.parts(found, "score")] == ["1×", "1×", "15×"]
    missed = found["parts"]["unreached/prose/15×"]
    assert (missed["tier"], missed["asked"]) == ("trace", 15)
    assert missed["most"] == pytest.approx(400 / 36)
    told = "— not reachable: prose at 15× (a full page of it at trace comes to 11.1×)."
    assert told == tables.unreached(found)
    assert told in tables.document(found)
    settings = [row[:2] for row in tables.main_table(found)[1:]]
    assert settings == [["prose", "1×"], ["prose", "15×"], ["wide", "1×"], ["wide", "15×"]]
    for rows in (tables.main_table(found), tables.baseline_table(found)):
        assert set(rows[2][2:]) == {"—"}
        assert {len(row) for row in rows} == {len(rows[0])}
    assert tables.unreached(run()) == ""
    with pytest.raises(RatioError, match=r"no tier reaches 25×.*wide at trace comes to 1\d\.\d×"):
        run(texts=[TEXT, wide], ratios=(15.0, 25.0))


def test_the_papers_table_is_empty_where_no_page_holds_so_many_tokens() -> None:
    rows = tables.paper_table(run())
    assert rows[1] == ["600–700", "96.5 %", "10.5×", *"———", "98.5 %", "6.7×", *"———"]


def test_what_the_reader_loses_is_what_is_scored() -> None:
    scored = list(tables.parts(run(ratios=(), tiers=(Tier.LARGE, Tier.TINY)), "score"))
    right = [part["figures"]["right"]["value"] for part in scored]
    assert right == pytest.approx([1.0, 0.95], abs=0.001)
    assert scored[1]["figures"]["silent"] == 0  # the reader is unsure where it is wrong
    assert scored[1]["figures"]["marked"] == pytest.approx(0.05, abs=0.001)


def test_the_same_seed_gives_the_same_scores() -> None:
    def scores(seed: int) -> list[object]:
        found = run(seed=seed, controlled=True)
        return [
            {**p, "figures": {k: v for k, v in p["figures"].items() if k not in ("read", "write")}}
            for p in tables.parts(found, "score")
        ]

    assert scores(4) == scores(4)
    assert scores(4) != scores(5)


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder=tmp_path, progress=stop)
    path = tmp_path / "results.jsonl"
    assert len(path.read_text().splitlines()) == 5
    with path.open("a") as file:
        file.write('{"part": "cut sho')
    reader = plain_codec(LOST)
    resumed = run(folder=tmp_path, model=reader)
    read_again = reader.decoder.read_pages
    whole = plain_codec(LOST)
    run(model=whole)
    assert read_again < whole.decoder.read_pages
    assert list(resumed["parts"]) == list(run()["parts"])
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_another_runs_folder_is_refused(tmp_path: Path) -> None:
    run(folder=tmp_path)
    with pytest.raises(ResumeError, match="seed"):
        run(folder=tmp_path, seed=9)


@pytest.mark.parametrize("held", ["notes, no results\n", "[1]\n", "\n"])
def test_a_file_that_holds_no_results_is_left_as_it_is(tmp_path: Path, held: str) -> None:
    (tmp_path / "results.jsonl").write_text(held)
    with pytest.raises(ResumeError, match="not a file of results"):
        run(folder=tmp_path)
    assert (tmp_path / "results.jsonl").read_text() == held
    with pytest.raises(ResumeError, match="choose another folder"):
        run(folder=tmp_path / "results.jsonl" / "deeper")


def test_what_cannot_be_measured_is_named() -> None:
    with pytest.raises(SampleError, match="fills 5 cells and a page has 400"):
        run(texts=[Kind("prose", "short", False)])
    with pytest.raises(SampleError, match="at least one file"):
        run(texts=[])
    with pytest.raises(RatioError, match="no tier reaches 900×"):
        run(ratios=(900,))
    for ratio in (0, -1, float("nan"), float("inf")):
        with pytest.raises(RatioError, match="no ratio"):
            run(ratios=(ratio,))
    with pytest.raises(InputError, match="0 pages"):
        run(pages=0)
    with pytest.raises(InputError, match="seed -1"):
        run(seed=-1)
    with pytest.raises(TokenizerError, match="'gpt-9'"):
        run(tokens="gpt-9")
    with pytest.raises(BaselineError, match="'magic'"):
        run(baseline=("magic",))
    with pytest.raises(InputError, match="'gpt-9'"):
        run(model="gpt-9")


def test_a_baseline_that_is_not_installed_is_named_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    for name in ("rapidocr", "llmlingua"):
        monkeypatch.setitem(sys.modules, name, None)
    for asked, remedy in (
        ("tesseract", "apt-get install tesseract-ocr"),
        ("rapidocr", r"pip install 'optimem\[rapidocr\]'"),
        ("llmlingua2", r"pip install 'optimem\[llmlingua\]'"),
    ):
        reader = plain_codec()
        with pytest.raises(MissingExtraError, match=remedy):
            run(baseline=(asked,), model=reader)
        assert reader.decoder.read_pages == 0
    with pytest.raises(BaselineError, match="newest takes no 'x'"):
        run(baseline=("newest=x",))


def test_baselines_keep_no_more_than_their_share() -> None:
    means = baselines.Means(plain_codec().renderer, counter("deepseek"), 0)
    page = baselines.Page(TEXT.text, Tier.TRACE, 200)
    for name in ("newest", "random part"):
        kept = baselines.baselines([name])[name](page, means)
        assert 0 < len(means.tokens.ends(kept)) <= Tier.TRACE.tokens
    assert TEXT.text.endswith(baselines.newest(page, means))
    assert len(baselines.plain(page, means)) == 200 - 1 or len(baselines.plain(page, means)) == 200
    assert len(baselines.zstd(page, means)) > 200
    assert TEXT.text.endswith(baselines.lzma_(page, means))


def test_a_single_page_has_no_spread() -> None:
    at = tables.main_table(run())[0].index("95 %")
    assert tables.main_table(run(texts=[TEXT._replace(text=TEXT.text * 4)]))[1][at] == "100.0–100.0"
    assert tables.main_table(run(pages=1))[1][at] == "—"


def test_a_baseline_that_wins_is_told() -> None:
    found = run(ratios=(), tiers=(Tier.TINY,), baseline=("zstd", "newest"))
    assert "zstd" in tables.wins(found)
    assert "★" in tables.markdown(tables.baseline_table(found))


def test_the_document_holds_every_table() -> None:
    text = tables.document(run())
    assert text.count("\n|---|") == 4
    assert "The tasks differ." in text
    assert "As good or better than optimem: " in text
    assert len(tables.short_table(run())[0]) == len(tables.SHORT)


def test_texts_are_named_by_what_they_are(tmp_path: Path) -> None:
    assert classify("a.py", "import os") == "code"
    assert classify("a.txt", "user: hi\nassistant: hello\n") == "chat"
    assert classify("a.txt", "| a | b |\n|---|---|\n| 1 | 2 |\n") == "tables"
    assert classify("a.txt", "Это проза на другом языке.") == "mixed scripts"
    assert classify("a.txt", "Just prose, nothing else.") == "prose"
    (tmp_path / "a.txt").write_text("Just prose.")
    named = read_kinds([str(tmp_path / "a.txt"), f"log={tmp_path / 'a.txt'}"] * 2)
    assert [kind.name for kind in named] == ["prose", "log", "prose 2", "log 2"]
    odd = tmp_path / "a=b.txt"
    odd.write_text("Just prose.")
    named = read_kinds([f"prose 2={odd}", str(odd), str(odd)])
    assert [kind.name for kind in named] == ["prose 2", "prose", "prose 3"]
    for name in ("", "a|b", "a\nb", "x" * 41, " ", "a/b"):
        with pytest.raises(InputError, match="cannot name a kind"):
            read_kinds([f"{name}={odd}"])


def test_a_kind_called_like_one_that_is_added_keeps_its_figures() -> None:
    found = run(texts=[TEXT._replace(name="hex")], controlled=True, ratios=(1.0,))
    assert found["kinds"].count("hex") == 1
    assert not found["parts"]["score/hex/1×"]["controlled"]
    assert found["parts"]["score/hex 2/1×"]["controlled"]


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for data, error, told in (
        (b"caf\xe9", TextError, "byte 3 is 0xe9; convert it first"),
        (b"a\0b", TextError, "character 1 is U\\+0000"),
        (b" \n", SampleError, "is empty"),
    ):
        path.write_bytes(data)
        with pytest.raises(error, match=told):
            read_kinds([str(path)])
    path.rename(tmp_path / "a.xz")
    with pytest.raises(TextError, match=r"no \.xz file"):
        read_kinds([str(tmp_path / "a.xz")])
    with pytest.raises(InputError, match="Is a directory; give a file"):
        read_kinds([str(tmp_path)])
    with pytest.raises(InputError, match="No such file"):
        read_kinds([str(path)])


def test_blank_lines_without_end_are_classified_at_once() -> None:
    started = time.perf_counter()
    assert classify("a.txt", "\n" * 200_000 + "Just prose.") == "prose"
    assert time.perf_counter() - started < 5  # a scan of what follows each line takes minutes


def test_controlled_texts_come_from_the_seed() -> None:
    first = controlled_kinds(1, 500, TEXT.text)
    assert first == controlled_kinds(1, 500, TEXT.text)
    assert first != controlled_kinds(2, 500, TEXT.text)
    assert all(len(kind.text) == 500 and kind.controlled for kind in first)
    assert sorted(first[0].text) == sorted(TEXT.text[:500])
    assert kinds.chosen(first, ["hex"])[0].name == "hex"


def test_tokens_are_cut_where_they_end() -> None:
    for name in ("deepseek", "bytes"):
        tokens = counter(name)
        head = first_tokens(TEXT.text, 50, tokens)
        tail = last_tokens(TEXT.text, len(tokens.ends(TEXT.text)) - 50, tokens)
        assert head + tail == TEXT.text


def test_faded_shares_add_up() -> None:
    rows = list(tables.parts(run(), "faded"))
    assert [list(row["tiers"]) for row in rows] == [[t.label] for t in sorted(Tier, reverse=True)]
    assert rows[0]["right"] == 1
    for row in rows:
        assert row["right"] + row["marked"] + row["silent"] == pytest.approx(1)
    assert 0.02 < rows[3]["marked"] < 0.05  # one in 20 is lost, but exact values are kept
