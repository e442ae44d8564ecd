"""How the files of a log join; written from docs/audit-format.md, a part of the second verifier."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.golden.second_files import File, Part
from tests.golden.second_keys import Chain, b64, grow, root_of
from tests.golden.second_records import Fault, need

UNKNOWN: dict[str, Any] = {"seal": "unknown"}
Claim = tuple[str, int, bytes, str]  # origin, size, root, who says so


@dataclass
class State:
    """What the next file of a log must agree with; `key` is None while unknown."""

    size: int
    nodes: list[bytes]
    ts: int = 0
    seal: dict[str, Any] | None = None
    key: int | None = 0

    def follow(self, part: Part, chain: Chain, wanted: Sequence[Claim]) -> None:
        first, index = part.leaves[0], part.file.start
        need(part.before == self.nodes, "does not continue the tree before it")
        need(first["ts"] >= self.ts, "time runs backwards", index)
        if part.is_pack:
            need(self.key is None or part.signer >= self.key, "signed by a key that is not in force here")
        else:
            need(self.seal is UNKNOWN or first.get("seal") == self.seal, "does not name the file before it", index)
            need(self.key in (None, part.signer), "signed by a key that is not in force here")
            self.key = part.signer
        for leaf in part.leaves:
            if leaf["kind"] == "key":
                need(leaf["fields"]["vkey"] in chain.vkeys(), "key record: no key of the chain", leaf["idx"])
                named = chain.vkeys().index(leaf["fields"]["vkey"])
                need(self.key in (None, named - 1), "key record: not the next key", leaf["idx"])
                need(part.is_pack or leaf is part.leaves[-1], "a key record ends its file", leaf["idx"])
                self.key = named
        self.ts, self.seal = part.leaves[-1]["ts"], UNKNOWN if part.is_pack else part.seal
        for digest in part.hashes:
            self.nodes, self.size = grow(self.size, self.nodes, digest), self.size + 1
            self.check(wanted)

    def check(self, wanted: Sequence[Claim]) -> None:
        for _, size, root, source in wanted:
            need(size != self.size or root == root_of(self.nodes), f"not the tree that {source} saw", size - 1)


@dataclass
class Log:
    """The files of a log from `start` on, joined; `gap` is the fault before it that only a prune excuses."""

    origin: str
    start: int
    end: State
    parts: list[Part]
    gap: Fault

    @property
    def size(self) -> int:
        return self.end.size

    @property
    def root(self) -> bytes:
        return root_of(self.end.nodes)

    def fields(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        """Index and fields of each record of a kind."""
        return [(leaf["idx"], leaf["fields"]) for part in self.parts for leaf in part.leaves if leaf["kind"] == kind]

    def unnamed(self) -> set[File]:
        """Packs that no record names."""
        names = [fields for _, fields in self.fields("pack")]
        return {part.file for part in self.parts if part.is_pack and part.named() not in names}

    def gone(self) -> list[tuple[str, int, str | None]]:
        """File, index and tag of each record without its content."""
        return [
            (part.file.path, leaf["idx"], leaf["subject"])
            for part in self.parts
            for leaf in part.leaves
            if leaf["idx"] in set(part.gone)
        ]


def join(parts: Sequence[Part], chain: Chain, wanted: Sequence[Claim]) -> Log:
    start, seg = parts[0].file.start, f"{chain.name.rpartition('/')[2]}/seg"
    missing = Fault(f"no prune record says why {start} records are missing", 0, seg)
    log = Log(chain.name, 0, State(0, []), [], missing)
    for part in parts:
        if part.file.start != log.end.size:
            reason = f"expected a file that starts at {log.end.size}"
            gap = Fault(reason, log.end.size, part.file.path) if log.parts and log.gap is missing else log.gap
            log = Log(chain.name, part.file.start, State(part.file.start, part.before, 0, UNKNOWN, None), [], gap)
        try:
            if not log.parts:
                log.end.check(wanted)
            log.end.follow(part, chain, wanted)
        except Fault as fault:
            raise Fault(fault.reason, fault.index, part.file.path) from None
        log.parts.append(part)
    return log


def check_ends(log: Log, wanted: Sequence[Claim], notes: list[str]) -> None:
    """A missing beginning, what packs have replaced, and claims beyond either end."""
    begins = {part.file.start: [b64(one) for one in part.before] for part in log.parts}
    prunes = [one for _, one in log.fields("prune")]
    if log.start and not any(begins.get(one["end"]) == one["frontier"] for one in prunes):
        raise log.gap
    dropped = max((one["end"] for one in prunes), default=0)
    for index, one in log.fields("pack"):
        for part in log.parts:
            file, end = part.file, part.file.start + len(part.hashes)
            same = (file.start, file.end) == (one["start"], one["end"]) and file.generation >= one["generation"]
            inside = one["start"] <= file.start and dropped < end <= one["end"]
            need(same or not inside, f"was replaced by the pack that record {index} names", file.start, file.path)
    seg = f"{log.origin.rpartition('/')[2]}/seg"
    for _, size, _, source in wanted:
        need(size <= log.size, f"log ends at {log.size}, but {source} saw {size} records", log.size, seg)
        notes += [f"{source}: size {size} of {log.origin} was pruned"] if size < log.start else []
