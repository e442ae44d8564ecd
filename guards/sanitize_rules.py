"""What the sanitizer finds by its form, and what it must leave by its form. No model, no clock, no file."""

import ipaddress
import re
from collections.abc import Iterator
from typing import NamedTuple

from guards import rules
from guards.verdict import Span

PLACEHOLDER = re.compile(r"\[[A-Z_]{2,20}-[0-9a-f]{6}\]")

_KEPT = re.compile(
    r"""
    \[[A-Z_]{2,20}-[0-9a-f]{6}\]                                   # our own placeholders
  | \b(?:CVE-\d{4}-\d{4,19}|CWE-\d{1,5}|CAPEC-\d{1,5}|GHSA(?:-[\w]{4}){3}|KEV:CVE-\d{4}-\d+)\b
  | \b(?:AML\.)?(?:TA|T|M|S|G|C|DS|DC|DET|AN|A|CS)\d{4}(?:\.\d{3})?\b   # ATT&CK, ATLAS
  | \bD3A?-[A-Z]{1,8}\b | \bASVS-V\d+(?:\.\d+){1,2}\b
  | \bMS\d{2}-\d{3}\b | \bKB\d{6,7}\b | \bRFC ?\d{3,5}\b | \bICSA?-\d{2}-\d{3}-\d{2}\b
  | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b       # UUIDs
  | \b(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})\b   # hashes
  | (?<![\w.])(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}(?![\w.]\w) | (?<![\w:])2001:(?:0?db8)(?::[0-9a-fA-F:]*)
  | \b(?i:hxxps?|fxp)://[^\s?\#]+ | (?<![\w-])[\w-]{1,63}(?:\[\.\][\w-]{1,63})+   # defanged already
  | \(Citation:[ ][^()\n]{1,80}\)                                    # ATT&CK's references
  | \bCVSS:[\d.]+/[A-Z:/]+\b
  | \b\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?
    """,
    re.VERBOSE,
)
_WORD = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\w.-]){_WORD}(?:\.{_WORD}){{3}}(?![\w-]|\.\w)(?:/\d{{1,2}}(?!\d))?")
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9a-fA-F]{1,4}:){2,7}(?::?[0-9a-fA-F]{1,4}){1,7}(?![\w:])"
    r"|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){1,7}:(?![\w:])"
)
_VERSION_BEFORE = re.compile(
    r"(?i)(?:\bv|\bver(?:sion)?s?\.?|\brelease[sd]?|\bbuilds?|\bfirmware|\bfw|\bbefore|\bthrough|\bprior to|"
    r"\bearlier than|\bolder than|\buntil|\bupgraded? to|\bupdated? to|\bfixed in|\bpatch(?:ed)?(?: in)?|\bsince|"
    r"\bthan|\bSP\d|\bedition|\bOID|\bR\d+|/|[<>]=?|_|\d-|-)[\s:=\"'(,]*$"
)
_ADDRESS_BEFORE = re.compile(r"(?i)(?:://|\bip(?:v4)?|\baddress(?:es)?|\bhost|\bfrom|\bsrc|\bdst|@)[\s:=\"'\[(]*$")
_SURELY_BEFORE = re.compile(
    r"(?i)(?:://|\bip(?:v4)?(?:[ _-]?addr(?:ess)?(?:es)?)?|"
    r"\b(?:src|dst|source|destination|remote|client)[_ -]?(?:ip|addr(?:ess)?)?)[\s:=\"'\[(]*$"
)
_CREDENTIAL_BEFORE = re.compile(
    r"(?i)(?:(?:api|access|auth|account|secret|private|license)[_ -]?(?:key|token|secret)|secret|password|"
    r"passwd|bearer)[\"']?\s{0,3}(?:=>?|:=?|\s)\s{0,3}[\"']?$"
)
_RESOLVERS = frozenset({"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "208.67.222.222", "208.67.220.220"})
_DOCUMENTATION = [
    ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]

_TLDS = (
    "com|net|org|io|de|ru|cn|info|biz|xyz|top|online|site|club|co|uk|us|eu|fr|nl|it|es|pl|br|in|jp|kr|tw|ir|ua|cc|tk|"
    "pw|me|app|dev|cloud|shop|ch|at|se|no|dk|fi|be|cz|ca|au|mx|ar|za|tr|gr|pt|ro|hu|il|sg|hk|id|vn|th|to|ly|su|gov|edu|"
    "mil|int"
)
_URL = re.compile(r"(?i)\b(?:https?|ftp)://[^\s<>\"'`{}|\\^\[\]]{3,2000}")
_DOMAIN = re.compile(
    rf"(?i)(?<![\w@./\\-])(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.){{1,5}}(?:{_TLDS})\b(?![\w(/\\-]|\.\w)"
)
_RESERVED = re.compile(r"(?i)(?:^|\.)(?:example(?:\.(?:com|net|org|edu))?|test|invalid|localhost|local|arpa)$")
_PRIVATE_ZONE = re.compile(
    r"(?i)(?<![\w.-])(?:[a-z0-9][a-z0-9-]{0,61}\.){1,5}(?:local|lan|internal|intern|corp|intranet|private|home\.arpa)\b(?!\.\w)"
)
_FILE = re.compile(
    r"(?i)\.(?:c|h|py|js|php|html?|xml|json|exe|dll|sys|sh|so|md|txt|java|net|rs|go|pl|rb|ts|in|io|me|app|cc|id|at|to|is)$"
)


class Forms(NamedTuple):
    """Policy for forms: sites of public reference."""

    sites: frozenset[str]


def kept(text: str) -> list[tuple[int, int]]:
    """Stretches that stay whatever is found in them: identifiers, hashes, placeholders, defanged indicators."""
    return [found.span() for found in _KEPT.finditer(text) if not _assigned(text, found)]


def _assigned(text: str, found: re.Match[str]) -> bool:
    """Whether it looks like a hash and is given as a credential: api_key=0f3a9c..."""
    bare = re.fullmatch(r"[0-9a-fA-F-]{32,}", found.group())
    return bool(bare and _CREDENTIAL_BEFORE.search(text, max(0, found.start() - 40), found.start()))


def find(text: str, forms: Forms) -> Iterator[Span]:
    """Typed spans by form: mail, phone, card and account numbers, addresses of machines, live links, private hosts."""
    yield from _personal(text)
    for found in _URL.finditer(text):
        end = found.start() + len(found.group().rstrip(".,;:!?)'\""))
        host = re.sub(r"^[^/]*//(?:[^/@]*@)?|[:/?#].*$", "", text[found.start() : end])
        if _PRIVATE_ZONE.fullmatch(host):
            yield found.start(), end, "HOST"
        elif _live(host, forms):
            yield found.start(), end, "URL"
    for found in _PRIVATE_ZONE.finditer(text):
        if not _RESERVED.fullmatch(found.group()):
            yield found.start(), found.end(), "HOST"
    for found in _DOMAIN.finditer(text):
        name = found.group()
        known_ending = name.count(".") >= 2 or not _FILE.search(name)
        if known_ending and not name.isupper() and _live(name, forms):
            yield found.start(), found.end(), "URL"
    yield from _addresses(text)


_NAMES = {"EMAIL": "EMAIL", "PHONE": "PHONE", "SSN": "SSN", "CARD": "CARD", "IBAN": "IBAN"}


def _personal(text: str) -> Iterator[Span]:
    for start, end, label in rules.personal_data(text):
        if label in _NAMES:
            yield start, end, _NAMES[label]


def _live(host: str, forms: Forms) -> bool:
    name = host.lower().rstrip(".")
    if not re.search(r"[a-z]", name):
        return False  # an address, found as one
    parts = name.split(".")
    sites = {".".join(parts[i:]) for i in range(len(parts))}
    return len(parts) > 1 and not _RESERVED.search(name) and not sites & forms.sites


def _addresses(text: str) -> Iterator[Span]:
    end, version = -99, False
    for found in _IPV4.finditer(text):
        bare = found.group().partition("/")[0]
        if found.start() - end > 12:  # in a row of them, the first one's meaning holds
            before = text[max(0, found.start() - 40) : found.start()]
            version = bool(_VERSION_BEFORE.search(before)) and not _ADDRESS_BEFORE.search(before)
        end = found.end()
        surely = _SURELY_BEFORE.search(text, max(0, found.start() - 24), found.start())
        if (surely or not (version or _looks_like_version(bare))) and _public(bare):
            yield found.start(), found.start() + len(bare), "IP"
    for found in _IPV6.finditer(text):
        if _public(found.group()):
            yield found.start(), found.end(), "IP"


def _looks_like_version(bare: str) -> bool:
    """Two small numbers or more, a leading 0: hardly an address that is in use."""
    parts = bare.split(".")
    small = sum(int(part) < 20 for part in parts)
    return int(parts[0]) == 0 or small >= 3 or (small == 2 and int(parts[0]) < 20) or any(
        part != "0" and part.startswith("0") for part in parts
    )  # fmt: skip


def _public(bare: str) -> bool:
    """Whether it is an address of somebody's machine."""
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return False
    if bare in _RESOLVERS or any(address in network for network in _DOCUMENTATION):
        return False
    return address.is_global and not address.is_multicast
