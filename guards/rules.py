"""Patterns with high precision: credentials, personal data, ready attack payloads.

Security texts are full of example addresses, CVE ids and half a payload; they must pass. So a pattern here names a
format that hardly occurs by chance, checks its checksum where it has one, and leaves documentation values alone.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from guards.verdict import Span


def _any(_: str) -> bool:
    return True


def _luhn(number: str) -> bool:
    digits = [int(c) for c in number if c.isdigit()]
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 2 and sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    packed = re.sub(r"\s", "", text)
    return int("".join(str(int(c, 36)) for c in packed[4:] + packed[:4])) % 97 == 1


def _real_secret(text: str) -> bool:
    """False for stand-ins: EXAMPLE keys, one repeated character, an ellipsis, a <slot>, the token that jwt.io shows."""
    return not re.search(
        r"(?i)example|placeholder|your[_-]?|xxxx|\*\*\*|\.\.\.|1234567890|abcdefgh|<|\$\{|(.)\1{7}|\.eyJzdWIiOiIxMjM0NT",
        text,
    )


_ROLE = re.compile(
    r"(?:abuse|admin|cert|contact|csirt|cve|hello|help|info|no-?reply|postmaster|press|psirt|sales|secure|security|soc|"
    r"support|webmaster)(?:$|[.+_-])|(?:user|name|you|someone|foo|test)$"
)
_RESERVED = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|org|net|edu))?|test|invalid|localhost|local)$")


def _private_mail(text: str) -> bool:
    """False for role mailboxes and for the names that RFC 2606 keeps for documentation."""
    name, _, host = text.lower().partition("@")
    return not _RESERVED.search(host) and not _ROLE.match(name)


class _Rule(NamedTuple):
    label: str
    pattern: re.Pattern[str]
    accept: Callable[[str], bool] = _any


_KEY_EDGE = r"(?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_BEGIN, _END = f"-----BEGIN {_KEY_EDGE}", f"-----END {_KEY_EDGE}"
_LEAD = r"(?:[\s>#|*/\"'\\,]|[\w-]{1,32}: [^\n]{0,200}(?:\n|\Z))*"  # quoting, escapes and headers before the key itself
_BODY = rf"{_LEAD}[A-Za-z0-9+/=]{{12}}"
_KEY = rf"{_BEGIN}(?:(?:(?!-----BEGIN)[\s\S]){{1,16000}}?{_END}|(?={_BODY})(?:(?!-----BEGIN)[\s\S]){{12,16384}}\Z)"
_OPEN_KEY = re.compile(rf"{_BEGIN}(?:{_LEAD}\Z|{_BODY})")


def _real_key(text: str) -> bool:
    """False for a sketch of a key, with an ellipsis or a <slot>, and for prose: a key is long and full of digits."""
    letters = re.findall(r"[A-Za-z0-9+/=]", text)
    return not re.search(r"\.\.\.|…|<", text) and len(letters) >= 80 and sum(map(str.isdigit, letters)) >= 4


def holds_open_key(text: str) -> bool:
    """Whether a private key begins in a text and does not end in it. Prose that only names its first line has none."""
    if "-----BEGIN" not in text:
        return False
    closed = max((end.end() for end in re.finditer(_END, text)), default=0)
    return _OPEN_KEY.search(text, closed) is not None


_SECRETS = tuple(
    _Rule(label, re.compile(pattern), _real_key if label == "PRIVATE_KEY" else _real_secret)
    for label, pattern in (
        ("PRIVATE_KEY", _KEY),
        ("AWS_KEY", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
        ("GITHUB_TOKEN", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{60,255})\b"),
        ("GITLAB_TOKEN", r"\bglpat-[A-Za-z0-9_-]{20,64}\b"),
        ("SLACK_TOKEN", r"\bxox[abeoprs]-[A-Za-z0-9-]{20,200}\b"),
        ("GOOGLE_KEY", r"\bAIza[A-Za-z0-9_-]{35}\b"),
        ("STRIPE_KEY", r"\b[rs]k_live_[A-Za-z0-9]{20,200}\b"),
        ("API_KEY", r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,200}\b"),
        ("REGISTRY_TOKEN", r"\b(?:npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS[\w-]{50,200}|hf_[A-Za-z]{34})\b"),
        ("JWT", r"\beyJ[\w-]{15,2000}\.eyJ[\w-]{15,3000}\.[\w-]{20,1000}"),
    )
)

_PHONE = r"(?<![\w.+])(?:\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{2,4}(?:[ -]\d{2,4}){2,3}|\(\d{3}\) \d{3}-\d{4})(?![\w-])"
_PERSONAL = tuple(
    _Rule(label, re.compile(pattern, re.ASCII), accept)
    for label, pattern, accept in (
        ("EMAIL", r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}\b", _private_mail),
        ("PHONE", _PHONE, lambda number: "555-01" not in number),
        ("SSN", r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])", lambda n: n != "123-45-6789"),
        ("CARD", r"(?<![\w.-])(?:\d{4}[ -]?){3}\d{1,7}(?![\w-])", _luhn),
        ("IBAN", r"\b[A-Z]{2}\d{2} ?(?:[A-Z0-9]{4} ?){2,7}[A-Z0-9]{1,4}\b", _iban),
    )
)

_PAYLOADS = tuple(
    _Rule(label, re.compile(pattern, re.IGNORECASE))
    for label, pattern in (
        ("REVERSE_SHELL", r"sh -i\s*(?:>&|&>|[<>|])[^\n]{0,40}/dev/(?:tcp|udp)/|/dev/tcp/\d[\d.]+/\d+ ?0>&1"),
        ("REVERSE_SHELL", r"\bn(?:c|cat)\b(?: -\w+){0,5} \S{3,64} \d{2,5} -[ec] ?\S{0,40}sh\b"),
        ("PAYLOAD_BUILD", r"\bmsfvenom\b[^\n]{0,80}-p [^\n]{0,120}\bLHOST="),
        (
            "WEB_SHELL",
            r"<\?php[^?]{0,80}\b(?:system|exec|passthru|shell_exec|eval|assert)\s*\([^)]{0,20}\$_(?:GET|POST|REQ)",
        ),
        ("LOADER", r"\b(?:iex|invoke-expression)\b[^\n]{0,60}\b(?:downloadstring|frombase64string)\b"),
        ("LOADER", r"powershell[^\n]{0,80} -e(?:nc|ncodedcommand)? [A-Za-z0-9+/=]{60}"),
        ("SHELLCODE", r"(?:\\x[0-9a-f]{2}){24}"),
    )
)


def _find(text: str, rules: tuple[_Rule, ...]) -> tuple[Span, ...]:
    return tuple(
        (match.start(), match.end(), rule.label)
        for rule in rules
        for match in rule.pattern.finditer(text)
        if rule.accept(match.group())
    )


def secrets(text: str) -> tuple[Span, ...]:
    """Credentials that would work: private keys, tokens of known issuers."""
    return _find(text, _SECRETS)


def personal_data(text: str) -> tuple[Span, ...]:
    """Mail addresses, phone, card and account numbers of persons."""
    return _find(text, _PERSONAL)


def payloads(text: str) -> tuple[Span, ...]:
    """Attack code that runs as it stands: reverse shells, web shells, payload builders, shellcode."""
    return _find(text, _PAYLOADS)
