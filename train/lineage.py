"""Lineage beside a dataset: `python -m train.lineage --knowledge ROOT [--rows URI] [--log [URL] --token-file FILE]`.

Describes the teaching set at --rows or, without it, the knowledge base: croissant.json (Croissant 1.1 with its RAI
terms) and ml-bom.cdx.json (CycloneDX 1.6). The same dataset gives the same bytes. With --log a record with all digests
is appended to the audit log, as an admin may, and its receipt kept as receipt.txt; to do so again changes nothing.
Exit status: 0; 1 when the log refused the record; 2 when something could not be read or written.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from audit.client import AuditClient
from audit.errors import AuditError, RemoteError
from audit.record import Entry, Kind
from train.described import DataSource, Described
from train.errors import KnowledgeError

__all__ = ["Described", "add_options", "append", "dataset_entry", "publish", "write"]

CROISSANT, BOM, RECEIPT = "croissant.json", "ml-bom.cdx.json", "receipt.txt"
URL, TOKEN = "PRECEPTOR_URL", "PRECEPTOR_API_KEY"


class NotRecorded(KnowledgeError):
    """The log did not take the record; the message says what it answered."""


def write(out: Path | str, description: Described) -> tuple[str, str]:
    """Put both papers beside the rows, at a folder or URI; their names."""
    from train import croissant, mlbom
    from train.teaching.store import put

    put(str(out), CROISSANT, croissant.document(description).encode())
    put(str(out), BOM, mlbom.document(description).encode())
    return CROISSANT, BOM


def dataset_entry(described: Described) -> Entry:
    """The record of a dataset. Its id follows from the dataset, so that it is in the log once."""
    sources = [{"name": each.name, "digest": each.digest, "licence": each.licence} for each in described.sources]
    sources += [{"name": each.name, "digest": each.digest, "licence": each.licence} for each in described.parents]
    fields = {"name": described.name, "digest": described.digest, "rows": described.rows, "sources": sources}
    name = str(uuid5(NAMESPACE_URL, f"preceptor dataset {described.name} {described.version} {described.digest}"))
    return Entry(Kind.dataset, name, 0, "", "", fields, actor="train.lineage").checked()


def append(out: Path | str, described: Described, client: AuditClient) -> None:
    """Append the record and put its receipt beside the rows; raises NotRecorded."""
    from train.teaching.store import put

    put(str(out), RECEIPT, hand_in(dataset_entry(described), client).encode())


def hand_in(entry: Entry, client: AuditClient) -> str:
    """Append one record; its receipt. Raises NotRecorded."""
    try:
        (result,) = client.append([entry])
    except RemoteError as error:
        raise NotRecorded(f"{client.url[:200]}: {error}") from error
    if "receipt" not in result:
        raise NotRecorded(f"expected a receipt, the log answered {str(result.get('error'))[:300]}")
    proof: str = result["receipt"]["proof"]
    return proof


def log_client(log: str, token_file: Path | None) -> AuditClient:
    """The log that --log names, "" meaning the one of the environment; raises NotRecorded without URL or key."""
    url = log or os.environ.get(URL, "")
    token = token_file.read_text().strip() if token_file else os.environ.get(TOKEN, "")
    if not url or not token:
        raise NotRecorded(f"expected a URL and a key: --log URL or {URL}, and --token-file or {TOKEN}")
    return AuditClient(url, token)


def add_options(options: argparse.ArgumentParser) -> None:
    """The options of a command that makes a dataset and may record it."""
    told = f"append a record there; without URL, at {URL}"
    options.add_argument("--log", nargs="?", const="", metavar="URL", help=told)
    options.add_argument("--token-file", type=Path, metavar="FILE", help=f"an admin's key; without it, {TOKEN}")


def publish(out: Path | str, described: Described, log: str | None, token_file: Path | None) -> None:
    """Write both papers and, where a log is named ("" means the one of the environment), append the record.

    Raises NotRecorded, OSError.
    """
    write(out, described)
    if log is not None:
        append(out, described, log_client(log, token_file))


def replay_source(path: Path | None, licence: str | None) -> list[DataSource]:
    """The file of general conversation, which no register has."""
    import hashlib

    from train.teaching.replay import SOURCE

    if path is None:
        return []
    if not licence:
        raise KnowledgeError("expected --replay-licence with --replay, got none")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return [DataSource(SOURCE, f"General conversation, {path.name}", licence, "", "", "", digest)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = argparse.ArgumentParser(prog="python -m train.lineage", description=__doc__.split("\n")[0])
    options.add_argument("--knowledge", required=True, metavar="ROOT", help="what train.ingest made")
    options.add_argument("--rows", metavar="URI", help="what train.pairs made of it")
    options.add_argument("--replay", type=Path, metavar="FILE", help="general conversation that is among the rows")
    options.add_argument("--replay-licence", metavar="SPDX", help="the licence of that file")
    add_options(options)
    given = options.parse_args(arguments)
    from train import describe

    try:
        if given.rows:
            further = replay_source(given.replay, given.replay_licence)
            out, described = given.rows, describe.teaching_set(given.rows, given.knowledge, further)
        else:
            out, described = given.knowledge, describe.knowledge_base(given.knowledge)
        publish(out, described, given.log, given.token_file)
    except NotRecorded as error:
        print(f"lineage: {error}", file=sys.stderr)
        return 1
    except (KnowledgeError, AuditError, OSError, ValueError, KeyError) as error:
        print(f"lineage: {error}", file=sys.stderr)
        return 2
    print(
        f"{described.name} {described.version}: {described.rows} rows, {len(described.files)} files, {described.digest}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
