"""Under which licence a row stands: that of everything it rests on, and so in the shard of the strictest of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

OWN, OWN_SHARD = "Apache-2.0", "own"  # rows that are made of our own words alone
OPEN = "open"  # the register's shard for sources whose licence asks for none of their own


@dataclass(frozen=True, slots=True)
class Terms:
    """What the register says of a source."""

    licence: str
    shard: str


def of_row(sources: Iterable[str], register: Mapping[str, Terms]) -> tuple[str, str]:
    """The licence of a row as an SPDX expression, and its shard.

    A shard of its own beats the open one; a row that rests on two such shards would lie in neither, but in theirs
    together.
    """
    found = [register[name] for name in sorted(set(sources))]
    if not found:
        return OWN, OWN_SHARD
    own = sorted({terms.shard for terms in found} - {OPEN})
    return " AND ".join(sorted({terms.licence for terms in found})), "+".join(own) or OPEN
