"""Where a row comes from: `python -m train.trace ID --rows URI [--from DIR]`.

ID is that of a row of the teaching set, or of a record where --rows names a knowledge base. Prints source, licence,
attribution, member, byte range in the uncompressed member and SHA-256 of everything that it rests on. With --from the
bytes are read again out of the feeds in DIR, and it is said of each whether they still have that digest.
Exit status: 0; 1 when bytes of a feed differ or cannot be read; 2 when there is no such row, or no such place.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from train import sources
from train.errors import KnowledgeError
from train.records import Origin
from train.sources import Source


class NoSuchRow(KnowledgeError):
    """An id that the rows do not have."""


def find(uri: str, name: str) -> list[Mapping[str, Any]]:
    """The rows, or the records, of this id: a thing may be in several feeds. Raises KnowledgeError, OSError."""
    import pyarrow.dataset as ds

    from train.row_files import NoRows, rows

    wanted = ds.field("id") == name
    try:
        found = list(rows(uri, ["id", "origins", "license", "credits", "family", "template_id"], where=wanted))
    except NoRows:
        try:
            found = list(rows(uri, below="records", where=wanted))
        except NoRows as error:
            raise NoSuchRow(f"{uri}: expected a teaching set or a knowledge base, found neither") from error
    if not found:
        raise NoSuchRow(f"{name[:200]}: expected the id of a row in {uri}, found none")
    return found


def origins(row: Mapping[str, Any]) -> list[Origin]:
    """What a row rests on; a record rests on one stretch of bytes."""
    listed = row.get("origins", [row])
    return [Origin(**{name: each[name] for name in Origin.__slots__}) for each in listed]


def trace(row: Mapping[str, Any], register: Mapping[str, Source]) -> Iterator[tuple[str, Origin | None]]:
    """The account of a row: paragraphs, and with each the origin that it is about."""
    told = [f"{name} {row[name]}" for name in ("family", "template_id", "license", "kind", "status") if name in row]
    named = f"\nauthors to be named: {', '.join(row['credits'])}" if row.get("credits") else ""
    yield f"{row['id']}: {', '.join(told)}{named}", None
    found = origins(row)
    if not found:
        yield "rests on no source: made of our own words", None
    for number, origin in enumerate(found, 1):
        yield _told(number, origin, register.get(origin.source), row), origin


def _told(number: int, origin: Origin, source: Source | None, row: Mapping[str, Any]) -> str:
    if source:
        title, licence = source.title, f"{source.licence}, {source.licence_url}"
    else:
        title, licence = "not in the register of sources", str(row.get("license", "not known"))
    lines = {
        "licence": licence,
        "attribution": source.credit([origin.member.partition("!")[0]]) if source else "",
        "member": origin.member,
        "bytes": f"{origin.start} to {origin.end} ({origin.end - origin.start})",
        "sha256": origin.sha256,
    }
    return "\n".join(
        [f"{number}. {origin.source}: {title}", *(f"   {name:<12}{told}" for name, told in lines.items() if told)]
    )


def verify(origin: Origin, folder: Path) -> tuple[bool, str]:
    """Whether the feeds in a folder still have the bytes of an origin, and a sentence about it."""
    from train.archives import ArchiveError, read_range

    try:
        data = read_range(folder, origin.member, origin.start, origin.end)
    except (ArchiveError, OSError) as error:
        return False, f"cannot be read: {error}"
    digest = hashlib.sha256(data).hexdigest()
    return digest == origin.sha256, "matches" if digest == origin.sha256 else f"differs: these bytes have {digest}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    options = argparse.ArgumentParser(prog="python -m train.trace", description=__doc__.split("\n")[0])
    options.add_argument("id", metavar="ID", help="of a row, or of a record such as T1059")
    options.add_argument("--rows", required=True, metavar="URI", help="a teaching set or a knowledge base")
    options.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="feeds to read the bytes again from")
    given = options.parse_args(arguments)
    try:
        register, found = sources.load(), find(given.rows, given.id)
    except (KnowledgeError, OSError) as error:
        print(f"trace: {error}", file=sys.stderr)
        return 2
    sound = True
    for row in found:
        for told, origin in trace(row, register):
            print(told)
            if origin and given.folder:
                holds, why = verify(origin, given.folder)
                sound = sound and holds
                print(f"   {'digest':<12}{why}")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
