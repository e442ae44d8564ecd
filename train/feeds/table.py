"""The parsers that sources.toml may name."""

from collections.abc import Mapping
from types import MappingProxyType

from train.feeds import atlas, cut, cut_xml, cve, cwe, d3fend, guides, papers, rules, stix, stix_lookup
from train.feeds.cut_json import items
from train.feeds.read import Feed

FEEDS: Mapping[str, Feed] = MappingProxyType(
    {
        "cve": Feed(cut.whole, cve.read),
        "nvd": Feed(cut.whole, cve.read_nvd),
        "nvd-api": Feed(items("vulnerabilities"), cve.read_nvd),
        "kev": Feed(items("vulnerabilities"), cve.read_kev),
        "csaf": Feed(cut.whole, cve.read_csaf),
        "cwe": Feed(cut_xml.elements(*cwe.NAMES), cwe.read),
        "stix": Feed(items("objects"), stix.read, stix.learn),
        "stix-lookup": Feed(items(*stix_lookup.ARRAYS), stix_lookup.read, stix_lookup.learn),
        "atlas": Feed(atlas.cut, atlas.read),
        "d3fend": Feed(cut.statements, d3fend.read, d3fend.learn),
        "markdown": Feed(cut.sections, guides.read),
        "asvs": Feed(items("requirements"), guides.read_asvs),
        "sigma": Feed(cut.documents, rules.read_sigma),
        "atomic": Feed(cut.documents, rules.read_atomic),
        "atom": Feed(cut_xml.elements("entry"), papers.read_atom),
        "papers": Feed(cut.rows, papers.read_list, papers.learn),
    }
)
