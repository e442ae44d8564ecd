"""CVE records (Record Format 5.0 to 5.2) and NVD's view of them (API 2.0)."""

import re
from collections.abc import Iterator

from train.feeds.fields import Element, elements, facts, identifier, inner, plain, prose, string, strings
from train.feeds.read import Place, from_json
from train.records import Aside, Item, Predicate, Record, Relation, Status

CVE = r"CVE-\d{4}-\d{4,19}"
_CWE = re.compile(r"CWE-[1-9]\d{0,4}\b")
_PUBLISHED = {"PUBLISHED": Status.live, "REJECTED": Status.rejected}
_NOTHING = {"n/a", "unknown", "unspecified", "-", "*"}


def english(source: Element, name: str) -> str:
    """The English texts of a list of {lang, value}, one after the other; all of them where none is marked English."""
    found = [(plain(each, "lang"), plain(each, "value")) for each in elements(source, name)]
    chosen = [value for lang, value in found if lang.lower().startswith("en")] or [value for _, value in found]
    return "\n\n".join(dict.fromkeys(prose(value) for value in chosen if value.strip()))


def _metrics(containers: list[Element]) -> dict[str, list[str]]:
    """CVSS of every version and SSVC, those of the CNA first."""
    found: dict[str, list[str]] = {"cvss_vector": [], "cvss_score": [], "severity": [], "ssvc": []}
    for container in containers:
        for metric in elements(container, "metrics"):
            for version in ("cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0"):
                score = inner(metric, version)
                if score:
                    _scored(score, found)
            other = inner(metric, "other")
            if other.get("type") == "ssvc":
                for option in elements(inner(other, "content"), "options"):
                    found["ssvc"] += [f"{name}: {value}" for name, value in option.items()]
    return found


def _scored(score: Element, found: dict[str, list[str]]) -> None:
    vector = plain(score, "vectorString")
    if vector and vector not in found["cvss_vector"]:
        found["cvss_vector"].append(vector)
        found["cvss_score"].append(f"{vector.split('/')[0]} {plain(score, 'baseScore')}")
        found["severity"].append(plain(score, "baseSeverity"))


def _affected(containers: list[Element]) -> tuple[list[str], list[str]]:
    pairs = [
        (prose(plain(each, "vendor")), prose(plain(each, "product")))
        for container in containers
        for each in elements(container, "affected")
    ]
    known = [(vendor if vendor.lower() not in _NOTHING else "", product) for vendor, product in pairs]
    return [v for v, _ in known], [p for _, p in known if p.lower() not in _NOTHING]


def read(data: bytes, _: Place) -> Iterator[Item]:
    """A CVE record and its weaknesses; a rejected one keeps the reason as its text."""
    record = from_json(data)
    about = inner(record, "cveMetadata")
    name = identifier(string(about, "cveId"), CVE)
    status = _PUBLISHED.get(string(about, "state"))
    if status is None:
        yield Aside(f"state {plain(about, 'state')[:40]}")
        return
    cna = inner(inner(record, "containers"), "cna")
    every = [cna, *elements(inner(record, "containers"), "adp")]
    vendors, products = _affected(every)
    yield Record(
        name, "cve", prose(string(cna, "title", "")),
        english(cna, "descriptions" if status is Status.live else "rejectedReasons"), status,
        modified=plain(about, "dateUpdated"), url=f"https://www.cve.org/CVERecord?id={name}",
        facts=facts(published=plain(about, "datePublished"), assigner=plain(about, "assignerShortName"),
                    format=plain(record, "dataVersion"), vendor=vendors, product=products,
                    reference=[plain(r, "url") for r in elements(cna, "references")], **_metrics(every)),
    )  # fmt: skip
    said: dict[str, str] = {}
    for container in every:
        for problem in elements(container, "problemTypes"):
            for each in elements(problem, "descriptions"):
                text = plain(each, "description")
                found = _CWE.match(plain(each, "cweId")) or _CWE.search(text)
                if found:
                    said.setdefault(found.group(), prose(text))
    for weakness, text in said.items():
        yield Relation(name, Predicate.has_weakness, weakness, text, status)


def read_nvd(data: bytes, _: Place) -> Iterator[Item]:
    """NVD's entry for a CVE: its analysis, and the weaknesses that NVD names. Takes a bare entry or an API item."""
    record = from_json(data)
    entry = inner(record, "cve") or record
    name = identifier(string(entry, "id"), CVE)
    state = plain(entry, "vulnStatus")
    status = Status.rejected if state == "Rejected" else Status.live
    found: dict[str, list[str]] = {"cvss_vector": [], "cvss_score": [], "severity": []}
    for version in ("cvssMetricV40", "cvssMetricV31", "cvssMetricV30", "cvssMetricV2"):
        for metric in elements(inner(entry, "metrics"), version):
            score = inner(metric, "cvssData")
            vector = plain(score, "vectorString")
            prefixed = vector if vector.startswith("CVSS:") else f"CVSS:2.0/{vector}"
            _scored({**score, "vectorString": prefixed if vector else ""}, found)
    yield Record(
        f"NVD:{name}", "nvd", name, english(entry, "descriptions"), status, modified=plain(entry, "lastModified"),
        url=f"https://nvd.nist.gov/vuln/detail/{name}",
        facts=facts(published=plain(entry, "published"), status=state,
                    reference=[plain(r, "url") for r in elements(entry, "references")], **found),
    )  # fmt: skip
    yield Relation(f"NVD:{name}", Predicate.about, name, status=status)
    for weakness in elements(entry, "weaknesses"):
        for each in elements(weakness, "description"):
            if _CWE.fullmatch(plain(each, "value")):
                yield Relation(name, Predicate.has_weakness, plain(each, "value"), "NVD", status)


def read_kev(data: bytes, _: Place) -> Iterator[Item]:
    """An entry of CISA's catalogue of known exploited vulnerabilities."""
    entry = from_json(data)
    name = identifier(string(entry, "cveID"), CVE)
    weaknesses = strings(entry, "cwes")
    yield Record(
        f"KEV:{name}", "exploited", prose(string(entry, "vulnerabilityName")),
        prose(string(entry, "shortDescription")), modified=plain(entry, "dateAdded"),
        url=f"https://www.cisa.gov/known-exploited-vulnerabilities-catalog?search_api_fulltext={name}",
        facts=facts(vendor=prose(string(entry, "vendorProject")), product=prose(string(entry, "product")),
                    added=string(entry, "dateAdded"), due=plain(entry, "dueDate"),
                    action=prose(string(entry, "requiredAction")), note=plain(entry, "notes"),
                    ransomware=plain(entry, "knownRansomwareCampaignUse"), cwe=weaknesses),
    )  # fmt: skip
    yield Relation(f"KEV:{name}", Predicate.about, name)
    for weakness in weaknesses:
        if _CWE.fullmatch(weakness):
            yield Relation(name, Predicate.has_weakness, weakness, "CISA KEV")


def read_csaf(data: bytes, _: Place) -> Iterator[Item]:
    """A CSAF 2.0 advisory, the CVEs it is about and their weaknesses."""
    advisory = from_json(data)
    document = inner(advisory, "document")
    tracking = inner(document, "tracking")
    name = prose(string(tracking, "id"))
    notes = _notes(document)
    found: dict[str, list[str]] = {"cvss_vector": [], "cvss_score": [], "severity": []}
    flaws = list(elements(advisory, "vulnerabilities"))
    for flaw in flaws:
        notes += _notes(flaw)
        for score in elements(flaw, "scores"):
            for version in ("cvss_v4", "cvss_v3", "cvss_v2"):
                _scored(inner(score, version), found)
    remedies = [plain(each, "details") for flaw in flaws for each in elements(flaw, "remediations")]
    vendors, products = _branches(inner(advisory, "product_tree"))
    yield Record(
        name, "advisory", prose(string(document, "title")), "\n\n".join(dict.fromkeys(prose(n) for n in notes if n)),
        version=plain(tracking, "version"), modified=plain(tracking, "current_release_date"),
        url=next((plain(r, "url") for r in elements(document, "references") if plain(r, "category") == "self"), ""),
        facts=facts(publisher=plain(inner(document, "publisher"), "name"), vendor=vendors, product=products,
                    published=plain(tracking, "initial_release_date"), remedy=remedies, **found),
    )  # fmt: skip
    for flaw in flaws:
        cve = plain(flaw, "cve")
        if re.fullmatch(CVE, cve):
            yield Relation(name, Predicate.about, cve)
            weakness = plain(inner(flaw, "cwe"), "id")
            if _CWE.fullmatch(weakness):
                yield Relation(cve, Predicate.has_weakness, weakness, plain(inner(flaw, "cwe"), "name"))


def _notes(part: Element) -> list[str]:
    return [
        plain(note, "text") for note in elements(part, "notes") if note.get("category") in ("summary", "description")
    ]


def _branches(tree: Element, deep: int = 0) -> tuple[list[str], list[str]]:
    """Vendor and product names of a CSAF product tree, which may be 30 levels deep."""
    vendors, products = [], []
    for branch in elements(tree, "branches") if deep < 30 else ():
        kind, name = plain(branch, "category"), plain(branch, "name")
        vendors += [name] if kind == "vendor" else []
        products += [name] if kind == "product_name" else []
        more = _branches(branch, deep + 1)
        vendors, products = vendors + more[0], products + more[1]
    return vendors, products
