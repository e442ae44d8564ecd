"""Family 9: "I do not know". Ids that surely do not exist, names that nobody bears, and what its publisher withdrew.

An invented number must not be a real one that the knowledge base happens not to hold. So the numbers are of a form
that no publisher has given out (far beyond the last one, or from years without a CVE List), and are looked up besides.
"""

from collections.abc import Iterator

from train.records import Record, Status
from train.teaching import names
from train.teaching.author import Author, Draft, Part, Prose
from train.teaching.prose import excerpt
from train.teaching.split import number

INVENTED = 1500
_UNASKED = frozenset({"nvd", "data_source", "data_component", "weakness_group"})
_HOMES = {
    "CVE record": "www.cve.org",
    "weakness": "cwe.mitre.org",
    "attack pattern": "capec.mitre.org",
    "technique": "attack.mitre.org",
    "threat group": "attack.mitre.org",
    "program": "attack.mitre.org",
    "mitigation": "attack.mitre.org",
    "defensive technique": "d3fend.mitre.org",
}
_FIRST = ("Amber", "Basalt", "Copper", "Dusty", "Ember", "Fallow", "Garnet", "Hollow", "Indigo", "Jagged", "Kelp",
          "Lunar", "Mossy", "Nickel", "Ochre", "Paper", "Quartz", "Russet", "Silver", "Tidal", "Umber", "Velvet",
          "Willow")  # fmt: skip
_LAST = ("Badger", "Beacon", "Cormorant", "Drift", "Egret", "Ferret", "Gale", "Heron", "Ibex", "Jackdaw", "Kestrel",
         "Lantern", "Marten", "Newt", "Osprey", "Petrel", "Quail", "Raven", "Stoat", "Tern", "Urchin", "Vole",
         "Wren")  # fmt: skip


def _name(seed: int) -> str:
    return _FIRST[seed % len(_FIRST)] + _LAST[seed // 64 % len(_LAST)]


def _invent(seed: int) -> tuple[str, str]:
    """A kind and a name of which there is none; the seed decides."""
    n = seed >> 8
    made = (
        ("CVE record", f"CVE-{2019 + n % 7}-{20_000_000 + n % 70_000_000}"),
        ("CVE record", f"CVE-{1990 + n % 9}-{1000 + n % 8999}"),
        ("CVE record", f"CVE-{2040 + n % 40}-{1000 + n % 48000}"),
        ("technique", f"T{3000 + n % 6000}"),
        ("technique", f"T{1003 + n % 500}.{700 + n % 299}"),
        ("weakness", f"CWE-{20_000 + n % 70_000}"),
        ("attack pattern", f"CAPEC-{5000 + n % 4000}"),
        ("mitigation", f"M{6000 + n % 3000}"),
        ("defensive technique", f"D3-{_name(n).upper()}"),
        ("threat group", f"the group {_name(n)}"),
        ("program", f"the malware {_name(n)}"),
        ("threat group", f"G{7000 + n % 2000}"),
    )
    return made[seed % len(made)]


def invented(author: Author, count: int = INVENTED) -> Iterator[Draft]:
    """Pairs about things that do not exist."""
    known = {
        record.name.lower().replace(" ", "") for record in author.knowledge.of("group", "malware", "tool", "campaign")
    }
    seen = set()
    for turn in range(count):
        kind, thing = _invent(number("invented", str(turn)))
        if thing in author.knowledge or thing in seen or thing.rpartition(" ")[2].lower() in known:
            continue
        seen.add(thing)
        nothing = Record(thing, "cve", "", "")
        made = author.draft("unknown.invented", nothing, {"thing": thing, "kind": kind, "home": _HOMES[kind]})
        if made:
            yield made


def withdrawn(author: Author) -> Iterator[Draft]:
    """Pairs about what was rejected, revoked or deprecated."""
    for name in sorted(author.knowledge.gone):
        record = author.knowledge.gone[name]
        if record.kind == "cve":
            text = excerpt(record.text, 2, 400)
            why: Part = (" The record gives the reason: ", Prose(text)) if text else ""
            made = author.draft("unknown.rejected", record, {"why": why})
        elif names.published(record) and record.kind not in _UNASKED and not _renumbered(record):
            made = _gone(author, record)
        else:
            continue
        if made:
            yield made


def _renumbered(record: Record) -> bool:
    """Old mitigations bear the number of the technique they were written for."""
    return record.kind == "mitigation" and record.id.startswith("T")


def _gone(author: Author, record: Record) -> Draft | None:
    after = author.knowledge.successor(record.id)
    said: Part = f" Its place was taken by {names.name(after[0], author.knowledge)}." if after else ""
    text = excerpt(record.text, 1, 300)
    if not after and record.kind in {"weakness", "attack_pattern"} and text:
        said = (" ", Prose(text))
    others, links = ([after[0]], [after[1]]) if after else ([], [])
    status = "revoked" if record.status is Status.revoked else "deprecated"
    return author.draft("unknown.gone", record, {"status": status, "next": said}, others, links)
