"""A whole run with a small decoder: its figures, resuming, and the errors it raises."""

import json
from pathlib import Path
from typing import Any

import pytest

from optimem.errors import (
    BaselineError,
    InputError,
    RatioError,
    ResumeError,
    SampleError,
    TokenizerError,
)
from optimem.evaluation.corpora import Corpus, path_name
from optimem.evaluation.figures import parts
from optimem.evaluation.report import write_report
from optimem.testing import plain_codec
from optimem.tiers import Tier
from tests.evaluation.small import LOST, PROSE, row_codec, run


def test_a_ratio_takes_the_sharpest_tier_that_reaches_it_and_fills_it_so_far() -> None:
    scored = list(parts(run(), "score"))
    assert [(part["tier"], part["asked"]) for part in scored] == [("large", 0.2), ("large", 1.0)]
    assert [part["figures"]["ratio"] for part in scored] == pytest.approx([0.2, 1.0], rel=0.01)


def test_what_the_decoder_loses_is_what_is_scored() -> None:
    scored = list(parts(run(ratios=(), tiers=(Tier.LARGE, Tier.TINY)), "score"))
    right = [part["figures"]["right"]["value"] for part in scored]
    assert right == pytest.approx([1.0, 0.95], abs=0.001)
    assert scored[1]["figures"]["silent"] == 0  # the decoder is uncertain where it is wrong
    assert scored[1]["figures"]["marked"] == pytest.approx(0.05, abs=0.001)


def test_faded_shares_add_up() -> None:
    rows = list(parts(run(), "faded"))
    assert [list(row["tiers"]) for row in rows] == [[t.label] for t in sorted(Tier, reverse=True)]
    assert rows[0]["right"] == 1
    for row in rows:
        assert row["right"] + row["marked"] + row["silent"] == pytest.approx(1)
    assert 0.02 < rows[3]["marked"] < 0.05  # one in 20 is lost, but exact values are kept


def test_the_same_seed_gives_the_same_scores() -> None:
    def scores(seed: int) -> list[dict[str, Any]]:
        found = []
        for part in parts(run(seed=seed, controlled=True), "score"):
            timeless = {k: v for k, v in part["figures"].items() if k not in ("read", "write")}
            found.append({**part, "figures": timeless})
        return found

    assert scores(4) == scores(4)
    assert scores(4) != scores(5)


def test_a_corpus_named_like_a_controlled_one_keeps_its_figures() -> None:
    result = run(corpora=[PROSE._replace(name="hex")], controlled=True, ratios=(1.0,))
    assert result["names"].count("hex") == 1
    assert not result["parts"]["score/hex/1×"]["controlled"]
    assert result["parts"]["score/hex 2/1×"]["controlled"]


def test_a_page_need_not_be_dense(tmp_path: Path) -> None:
    """Rows that a newline ends, cells without text, few tokens on a page, a poor decoder."""
    codec = row_codec({Tier.TINY: 7, Tier.TRACE: 1})
    result = run(codec=codec, ratios=(0.2,), tiers=tuple(Tier), controlled=True)
    full = {
        part["tier"]: part["figures"]["right"]["value"]
        for part in parts(result, "score")
        if part["name"] == "prose" and part["asked"] is None
    }
    assert full["large"] == full["base"] == full["small"] == 1
    assert full["tiny"] < 0.99
    assert full["trace"] < 0.1  # nothing can be read
    write_report(result, PROSE.text, codec, tmp_path / "report.html")
    assert "small" in (tmp_path / "report.html").read_text()


def test_an_interrupted_run_resumes(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder=tmp_path, progress=stop)
    path = tmp_path / "results.jsonl"
    assert len(path.read_text().splitlines()) == 5
    with path.open("a") as file:
        file.write('{"part": "cut sho')
    codec, whole = plain_codec(LOST), plain_codec(LOST)
    resumed = run(folder=tmp_path, codec=codec)
    run(codec=whole)
    assert codec.decoder.read_pages < whole.decoder.read_pages
    assert list(resumed["parts"]) == list(run()["parts"])
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_another_runs_folder_is_refused(tmp_path: Path) -> None:
    run(folder=tmp_path)
    with pytest.raises(ResumeError, match="seed"):
        run(folder=tmp_path, seed=9)


def test_a_single_path_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PROSE.text)
    name = path_name(str(tmp_path / "a.txt"))
    for given in (tmp_path / "a.txt", str(tmp_path / "a.txt"), [tmp_path / "a.txt"]):
        assert run(files=given, corpora=[], ratios=())["names"] == [name]
    run(files=f"log={tmp_path / 'a.txt'}", corpora=[], ratios=(), folder=str(tmp_path / "out"))
    assert (tmp_path / "out" / "results.jsonl").exists()


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(SampleError, match="fills 5 cells and a page has 400"):
        run(corpora=[Corpus("prose", "short", False)])
    with pytest.raises(SampleError, match="at least one file"):
        run(corpora=[])
    with pytest.raises(RatioError, match="no tier reaches 900×"):
        run(ratios=(900,))
    for ratio in (0, -1, float("nan"), float("inf")):
        with pytest.raises(RatioError, match="cannot be a ratio"):
            run(ratios=(ratio,))
    with pytest.raises(InputError, match="0 pages"):
        run(pages=0)
    with pytest.raises(InputError, match="seed -1"):
        run(seed=-1)
    with pytest.raises(TokenizerError, match="'gpt-9'"):
        run(tokenizer="gpt-9")
    with pytest.raises(BaselineError, match="'magic'"):
        run(baselines=("magic",))
    with pytest.raises(InputError, match="'gpt-9'"):
        run(codec=None, model="gpt-9")
