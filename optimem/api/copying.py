"""Copying a store to another."""

from pathlib import Path
from typing import Any, cast

from optimem import build
from optimem.errors import InputError
from optimem.memory.upkeep.copying import Copier, CopyProgress
from optimem.protocols import Store
from optimem.reports import CopyReport
from optimem.store import check_exists, open_store


def copy_store(
    source: "str | Path | Store | Any",
    target: "str | Path | Store | Any",
    *,
    replace: bool = False,
    unsealed: bool = False,
    progress: CopyProgress | None = None,
) -> CopyReport:
    """Copy everything in a store to another, byte for byte, with due times, and compare the two.

    What is equal already is not written again, so that a copy that was interrupted goes on where it
    stopped. Both may be in use; what is written to the source during the copy of its scope is
    copied too. `source`, `target`: as `store` in `OpticalMemory.open`. `replace`: make scopes of
    the target that hold something else, or were forgotten in one of the two, equal to the
    source's; otherwise they are `left`.
    `unsealed`: open the source without the keys of the environment, which are then the target's.
    `progress`: called with the number of scopes done. Raises InputError for a source that is
    not there, holds nothing or is the target, and for a target with another secret of words, and
    what `OpticalMemory.open` raises.
    """
    if source == target:
        raise InputError(f"{source!r} is both the source and the target; give another target")
    check_exists(source)
    opened: Store = (
        open_store(cast(Any, source), unsealed=True) if unsealed else build.store_at(source)
    )
    try:
        to = build.store_at(target)
        try:
            return Copier(opened, to, replace).copy(progress)
        finally:
            if to is not target:
                to.close()
    finally:
        if opened is not source:
            opened.close()
