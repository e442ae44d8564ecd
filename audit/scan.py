"""The files of one log as a pyarrow dataset, into which DuckDB pushes columns and filters.

Parquet readers decode every asked column of a row group before they filter it, and leaves are most of a log. So a
filter is answered from the small columns first, and the large ones are read only from row groups that hold a match.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow.fs import FileSystem, LocalFileSystem

GROUP = 4096  # a file with no more records has one row group
END = 2**63 - 1  # of a log's last file, whose end is not in its name
LARGE = frozenset({"leaf", "content"})
COLUMNS = pa.schema(  # those of audit.segment, whose load takes longer than most queries; `ts` as a time stamp
    [
        pa.field("idx", pa.int64(), nullable=False),
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("subject", pa.string()),
        pa.field("action", pa.string()),
        pa.field("leaf", pa.binary(), nullable=False),
        pa.field("content", pa.binary()),
    ]
)


class LogDataset(ds.FileSystemDataset):
    """The stored columns of one log. Scans raise OSError, pyarrow.ArrowException."""

    def __init__(self, files: Sequence[tuple[int, str]], filesystem: FileSystem) -> None:
        """`files`: first index and path of each, in order, none overlapping."""
        form = ds.ParquetFileFormat()
        idx = ds.field("idx")
        bounds = list(pairwise([*(start for start, _ in files), END]))
        fragments = [
            form.make_fragment(path, filesystem, partition_expression=(idx >= start) & (idx < end))
            for (_, path), (start, end) in zip(files, bounds, strict=True)
        ]
        super().__init__(fragments, COLUMNS, form, filesystem)
        # leaves of many row groups ahead of a slow reader would fill the memory; a far store needs larger reads
        local = isinstance(filesystem, LocalFileSystem)
        self._reading = {
            "batch_readahead": 2 if local else 16,
            "fragment_scan_options": ds.ParquetFragmentScanOptions(pre_buffer=not local),
        }
        self._fragments = list(zip(bounds, fragments, strict=True))

    def scanner(
        self,
        columns: Sequence[str] | None = None,
        filter: ds.Expression | None = None,  # noqa: A002 - pyarrow's name, DuckDB calls by it
        **options: Any,
    ) -> ds.Scanner:
        """What pyarrow's own would give, row for row; DuckDB calls this for each scan of the table."""
        options = self._reading | options
        columns = COLUMNS.names if columns is None else list(columns)
        fragments = [fragment for _, fragment in self._fragments]
        if not LARGE.isdisjoint(columns) and filter is not None and LARGE.isdisjoint(_names_in(filter)):
            matches = self._scan(fragments, ["idx"], filter, options).to_table()["idx"]
            fragments = self._holding(np.sort(matches.to_numpy()))
        return self._scan(fragments, columns, filter, options)

    def _scan(
        self,
        fragments: Sequence[ds.Fragment],
        columns: Sequence[str],
        expression: ds.Expression | None,
        options: dict[str, Any],
    ) -> ds.Scanner:
        dataset = ds.FileSystemDataset(fragments, COLUMNS, self.format, self.filesystem)
        if expression is None or "ts" not in _names_in(expression):
            return dataset.scanner(columns=columns, filter=expression, **options)
        # pyarrow would compare the filter's time stamp with a file's statistics, where ts is an integer, and fail
        needed = [name for name in COLUMNS.names if name in {*columns, *_names_in(expression)}]
        schema = pa.schema([COLUMNS.field(name) for name in needed])
        batches = dataset.scanner(columns=needed, **options).to_batches()
        return ds.Scanner.from_batches(batches, schema=schema, columns=columns, filter=expression)

    def _holding(self, matches: npt.NDArray[np.int64]) -> list[ds.Fragment]:
        """The fragments, or row groups of them, that hold one of these sorted indexes."""
        found = []
        for (start, end), fragment in self._fragments:
            if _any_within(matches, start, end):
                large = end - start > GROUP
                found.append(fragment.subset(row_group_ids=_groups(fragment, start, matches)) if large else fragment)
        return found


def _names_in(expression: ds.Expression) -> list[str]:
    """All columns that an expression uses, perhaps more: pyarrow shows an expression only as text."""
    text = str(expression)
    return [name for name in COLUMNS.names if name in text]


def _groups(fragment: ds.ParquetFileFragment, start: int, matches: npt.NDArray[np.int64]) -> list[int]:
    found = []
    for group in fragment.row_groups:
        if _any_within(matches, start, start + group.num_rows):
            found.append(group.id)
        start += group.num_rows
    return found


def _any_within(matches: npt.NDArray[np.int64], start: int, end: int) -> bool:
    first, last = np.searchsorted(matches, (start, end))
    return bool(first < last)
