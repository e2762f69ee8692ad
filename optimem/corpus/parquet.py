"""Rows of Parquet files, a row group at a time. Knows nothing of documents."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from optimem.errors import InputError, MissingExtraError

SUFFIX = ".parquet"


def rows(source: Path, columns: Sequence[str]) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Row group, row in it and the values of each row, of those `columns` that there are. Raises
    InputError for a file that is not Parquet or has none of the columns."""
    file = _open(str(source))
    wanted = [name for name in columns if name in file.schema_arrow.names]
    if not wanted:
        raise InputError(
            f"{source} has none of the columns {', '.join(columns)}, but "
            f"{', '.join(file.schema_arrow.names)}; name them (--text-field, --path-field)"
        )
    for group in range(file.num_row_groups):
        for at, row in enumerate(file.read_row_group(group, columns=wanted).to_pylist()):
            yield group, at, row


def read_value(source: str, group: int, at: int, column: str) -> Any:
    """One value. Raises InputError for a file that is not Parquet."""
    return _column(source, group, column)[at].as_py()


@lru_cache(maxsize=2)
def _column(source: str, group: int, column: str) -> Any:
    """A column of a row group; rows are asked for one after the other."""
    return _open(source).read_row_group(group, columns=[column])[column]


def _open(source: str) -> Any:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("Parquet needs pyarrow: pip install 'optimem[parquet]'") from error
    try:
        return parquet.ParquetFile(source)
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"{source} cannot be read as Parquet: {error}") from error
