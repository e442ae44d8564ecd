"""The Parquet files of a dataset, wherever they lie, and their rows as a stream."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from train.errors import KnowledgeError
from train.parts import located

_BATCH = 1000


class NoRows(KnowledgeError):
    """A place without the Parquet files, or the columns, that were expected; the message names it."""


def found(uri: str, below: str = "") -> tuple[pafs.FileSystem, list[str]]:
    """The file system of a folder or URI, and the Parquet files in it, by name; raises NoRows where there is none."""
    files, root = located(uri)
    selector = pafs.FileSelector(f"{root}/{below}" if below else root, recursive=True, allow_not_found=True)
    paths = sorted(each.path for each in files.get_file_info(selector) if each.extension == "parquet")
    if not paths:
        raise NoRows(f"{uri}: expected Parquet files{f' below {below}' if below else ''}, found none")
    return files, paths


def rows(
    uri: str, columns: Sequence[str] | None = None, below: str = "", where: ds.Expression | None = None
) -> Iterator[Mapping[str, Any]]:
    """Rows as mappings, a batch in memory at a time; all columns unless some are named. Raises NoRows."""
    files, paths = found(uri, below)
    try:
        dataset = ds.dataset(paths, format="parquet", filesystem=files)
        missing = sorted(set(columns or ()) - set(dataset.schema.names))
        if missing:
            raise NoRows(f"{uri}: expected columns {', '.join(columns or ())}; found no {', '.join(missing)}")
        for batch in dataset.to_batches(
            columns=list(columns) if columns else None,
            filter=where,
            batch_size=_BATCH,
            batch_readahead=1,
            fragment_readahead=1,
        ):
            yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise NoRows(f"{uri}: expected Parquet files of one schema, got {error}") from error
