"""Family 4: CVSS vectors and words, both ways, by computation. A score is only repeated where a record states it.

Metric names and values are those of FIRST's specifications of CVSS 3.0, 3.1 and 4.0 (base metrics).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from train.records import Record
from train.teaching.author import Author, Draft, Part
from train.teaching.prose import listed
from train.teaching.split import number

_LEVELS = {"N": "None", "L": "Low", "H": "High"}
_IMPACT = {"H": "High", "L": "Low", "N": "None"}
_THREE: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "AV": ("Attack Vector", {"N": "Network", "A": "Adjacent", "L": "Local", "P": "Physical"}),
    "AC": ("Attack Complexity", {"L": "Low", "H": "High"}),
    "PR": ("Privileges Required", _LEVELS),
    "UI": ("User Interaction", {"N": "None", "R": "Required"}),
    "S": ("Scope", {"U": "Unchanged", "C": "Changed"}),
    "C": ("Confidentiality", _IMPACT),
    "I": ("Integrity", _IMPACT),
    "A": ("Availability", _IMPACT),
}
_FOUR: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "AV": _THREE["AV"],
    "AC": _THREE["AC"],
    "AT": ("Attack Requirements", {"N": "None", "P": "Present"}),
    "PR": _THREE["PR"],
    "UI": ("User Interaction", {"N": "None", "P": "Passive", "A": "Active"}),
    "VC": ("Vulnerable System Confidentiality", _IMPACT),
    "VI": ("Vulnerable System Integrity", _IMPACT),
    "VA": ("Vulnerable System Availability", _IMPACT),
    "SC": ("Subsequent System Confidentiality", _IMPACT),
    "SI": ("Subsequent System Integrity", _IMPACT),
    "SA": ("Subsequent System Availability", _IMPACT),
}
METRICS = {"3.0": _THREE, "3.1": _THREE, "4.0": _FOUR}
_WAYS = {"N": "over a network", "A": "from an adjacent network", "L": "with local access", "P": "with physical access"}
_RIGHTS = {"N": "without privileges", "L": "with low privileges", "H": "with high privileges"}
_HELP = {
    "N": "and without a user's help",
    "R": "and only if a user takes part",
    "P": "and only if a user takes part passively",
    "A": "and only if a user takes an active part",
}
_HARM = {"C": "confidentiality", "I": "integrity", "A": "availability"}


@dataclass(frozen=True, slots=True)
class Vector:
    """The base metrics of a vector string, in the order of the specification."""

    version: str
    values: Mapping[str, str]

    def __str__(self) -> str:
        return f"CVSS:{self.version}/" + "/".join(f"{metric}:{value}" for metric, value in self.values.items())


def parse(text: str) -> Vector | None:
    """A vector string; None where it is of another version, incomplete or wrong. Metrics beyond base are left out."""
    head, *parts = text.strip().split("/")
    version = head.removeprefix("CVSS:")
    pairs = [part.split(":") for part in parts]
    if version not in METRICS or not all(len(pair) == 2 for pair in pairs):
        return None
    given = {pair[0]: pair[1] for pair in pairs}
    known = METRICS[version]
    if len(given) != len(pairs) or not all(given.get(metric) in values for metric, (_, values) in known.items()):
        return None
    return Vector(version, {metric: given[metric] for metric in known})


def meaning(version: str, metric: str, value: str) -> str:
    """A metric and its value in words."""
    name, values = METRICS[version][metric]
    return f"{name}: {values[value]}"


def words(vector: Vector) -> str:
    """One line for each metric."""
    return "\n".join(f"- {meaning(vector.version, metric, value)}" for metric, value in vector.values.items())


def from_words(version: str, lines: str) -> Vector | None:
    """The vector that `words` would tell so; None where a metric is missing."""
    told = {line.removeprefix("- ") for line in lines.splitlines()}
    parts = (
        f"{metric}:{value}" for metric, (_, values) in METRICS[version].items() for value in values
        if meaning(version, metric, value) in told
    )  # fmt: skip
    return parse(f"CVSS:{version}/" + "/".join(parts))


def sentence(vector: Vector) -> str:
    """Who can attack and what can happen."""
    v = vector.values
    ease = "with little effort" if v["AC"] == "L" else "only under conditions that are hard to meet"
    way = f"An attacker can exploit the flaw {_WAYS[v['AV']]}, {ease}, {_RIGHTS[v['PR']]} {_HELP[v['UI']]}"
    if vector.version != "4.0":
        reach = " The effect reaches beyond the vulnerable component." if v["S"] == "C" else ""
        return f"{way}; {_harm(v, '')}.{reach}"
    needs = " The attack needs conditions in the target's deployment." if v["AT"] == "P" else ""
    return f"{way}; on the vulnerable system, {_harm(v, 'V')}; on other systems, {_harm(v, 'S')}.{needs}"


def _harm(values: Mapping[str, str], prefix: str) -> str:
    found = {"H": [], "L": []}  # type: dict[str, list[str]]
    for metric, name in _HARM.items():
        found.get(values[prefix + metric], []).append(name)
    said = [
        f"the impact on {listed(each)} is {word}" for each, word in ((found["H"], "high"), (found["L"], "low")) if each
    ]
    return ", ".join(said) or "there is no impact"


def drafts(author: Author, record: Record) -> Iterator[Draft]:
    """Up to two pairs about each vector of a CVE, and one about its score."""
    for text in record.facts.get("cvss_vector", ()) if record.kind == "cve" else ():
        vector = parse(text)
        if vector is None:
            continue
        score = _stated(record, text)
        rated = f"\n\nThe record states a base score of {score[0]} ({score[1]})." if score else ""
        yield from _pairs(author, record, vector, rated)
        if score:
            made = author.draft(
                "cvss.score",
                record,
                {"vector": str(vector), "version": vector.version, "score": score[0], "rating": score[1]},
                key=text,
            )
            if made:
                yield made


def _pairs(author: Author, record: Record, vector: Vector, rated: str) -> Iterator[Draft]:
    metric, value = list(vector.values.items())[number("metric", record.id) % len(vector.values)]
    slots: dict[str, Part] = {
        "vector": str(vector), "version": vector.version, "words": words(vector), "sentence": sentence(vector),
        "severity": rated, "metric": f"{metric}:{value}",
        "meaning": meaning(vector.version, metric, value).replace(": ", " with the value "),
    }  # fmt: skip
    forms = (("cvss.read", "cvss.write"), ("cvss.write", "cvss.metric"), ("cvss.sentence", "cvss.read"))
    for form in forms[number("forms", record.id, str(vector)) % len(forms)]:
        made = author.draft(form, record, slots, key=str(vector))
        if made:
            yield made


def _stated(record: Record, vector: str) -> tuple[str, str] | None:
    """Base score and severity that the record states beside this vector."""
    vectors, scores = record.facts["cvss_vector"], record.facts.get("cvss_score", ())
    if len(vectors) != len(scores):  # equal scores stand there once, so it is open which belongs to which
        return None
    score = scores[vectors.index(vector)].rpartition(" ")[2]
    rating = _rating(score)
    return (score, rating) if rating else None


def _rating(score: str) -> str:
    """The qualitative rating that the specifications give to a score; empty for what is no score."""
    try:
        value = float(score)
    except ValueError:
        return ""
    steps = ((0.0, "None"), (3.9, "Low"), (6.9, "Medium"), (8.9, "High"), (10.0, "Critical"))
    return next((name for most, name in steps if 0 <= value <= most), "")
