"""The arithmetic of docs/scale.md: what is assumed, and what follows from unit costs."""

import pytest

from benchmarks.scale_cost import (
    Assumed,
    Measured,
    assumed,
    encoding,
    main,
    questions,
    report,
    shares,
    storage,
)
from optimem import DecayPolicy, Tier
from optimem.memory.decay import DAY

UNITS = Measured(
    text=200.0,
    turns=50.0,
    stored=dict.fromkeys(Tier, 700.0),
    work=dict.fromkeys(Tier, 0.1),
    recall=0.01,
)


def amounts(lines: object) -> dict[str, str]:
    return {line.what: line.amount for line in lines}  # type: ignore[attr-defined]


def test_shares_are_the_ages_of_turns_that_came_evenly() -> None:
    found = shares(1.0, DecayPolicy())
    assert sum(found.values()) == pytest.approx(1)
    assert found[Tier.LARGE] == pytest.approx(1 / 365)
    assert found[Tier.TRACE] == pytest.approx(185 / 365)
    young = shares(10 * DAY / (365 * DAY), DecayPolicy())
    assert young[Tier.SMALL] == pytest.approx(0.3)
    assert young[Tier.TINY] == young[Tier.TRACE] == 0


def test_storage_is_bytes_times_turns_and_copies() -> None:
    found = amounts(storage(UNITS, Assumed(turns=2**30, replicas=1, fill=0.5, ram_gib_month=2)))
    assert found["Redis, primaries"] == "700 GiB"
    assert found["Redis, memory to rent"] == "2,800 GiB"
    assert found["Redis, a month"] == "5,600 $"
    assert found["the text alone"] == "200 GiB"


def test_encoding_is_work_times_pages() -> None:
    found = amounts(encoding(UNITS, Assumed(turns=36e5, core_hour=1, busy=0.5)))
    assert found["pages"] == "7.20e+04"
    assert found["writing all, core hours"] == "2"
    assert found["writing all"] == "4 $"


def test_questions_are_positions_and_seconds() -> None:
    given = Assumed(asked_a_day=86_400, busy=0.5, read_a_question=2, gpu_positions_second=146)
    found = amounts(questions(UNITS, given))
    assert found["cores that recall"] == "0.02"
    assert found["vLLM, pages at tiny: GPUs"] == "2.00"  # 2 × 73 positions a second, half the time


def test_assumptions_are_set_by_name() -> None:
    assert assumed(["turns=5", "replicas=0"]) == Assumed(turns=5, replicas=0)
    for wrong in ("tuns=5", "turns=x", "turns=0", "turns"):
        with pytest.raises(ValueError, match=r"tuns|turns|could not convert"):
            assumed([wrong])
    with pytest.raises(SystemExit):
        main(["--set", "tuns=5"])


def test_the_report_lists_all_that_is_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    report(UNITS, Assumed())
    printed = capsys.readouterr().out
    assert "| gpu_hour | 2 |" in printed
    assert "| trace | 700 | 0.100 |" in printed
