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
    """False for the stand-ins of documentation: EXAMPLE keys, one repeated character, an ellipsis, a <slot>."""
    return not re.search(
        r"(?i)example|placeholder|your[_-]?|xxxx|\*\*\*|\.\.\.|1234567890|abcdefgh|<|\$\{|(.)\1{7}", text
    )


_ROLES = "abuse|admin|cert|contact|csirt|cve|hello|help|info|noreply|no-reply|postmaster|press|psirt|sales|secure|security|soc|support|webmaster"


def _private_mail(text: str) -> bool:
    """False for role mailboxes and for the names that RFC 2606 keeps for documentation."""
    name, _, host = text.lower().partition("@")
    reserved = re.search(r"(?:^|\.)(?:example(?:\.(?:com|org|net|edu))?|test|invalid|localhost|local)$", host)
    return not reserved and not re.match(rf"(?:{_ROLES})(?:$|[.+_-])|(?:user|name|you|someone|foo|test)$", name)


class _Rule(NamedTuple):
    label: str
    pattern: re.Pattern[str]
    accept: Callable[[str], bool] = _any


_SECRETS = (
    _Rule("PRIVATE_KEY", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s:,\-.]{40,8000}?(?:-----END (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)"), _real_secret),
    _Rule("AWS_KEY", re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"), _real_secret),
    _Rule("GITHUB_TOKEN", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b"), _real_secret),
    _Rule("GITLAB_TOKEN", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,64}\b"), _real_secret),
    _Rule("SLACK_TOKEN", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{20,200}\b"), _real_secret),
    _Rule("GOOGLE_KEY", re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b"), _real_secret),
    _Rule("STRIPE_KEY", re.compile(r"\b[rs]k_live_[A-Za-z0-9]{20,200}\b"), _real_secret),
    _Rule("API_KEY", re.compile(r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,200}\b"), _real_secret),
    _Rule("REGISTRY_TOKEN", re.compile(r"\b(?:npm_[A-Za-z0-9]{36}|pypi-AgEIcHlwaS[A-Za-z0-9_-]{50,200}|hf_[A-Za-z]{34})\b"), _real_secret),
    _Rule("JWT", re.compile(r"\beyJ[A-Za-z0-9_-]{15,2000}\.eyJ[A-Za-z0-9_-]{15,3000}\.[A-Za-z0-9_-]{20,1000}"), _real_secret),
)  # fmt: skip

_PERSONAL = (
    _Rule("EMAIL", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}\b", re.ASCII), _private_mail),
    _Rule("PHONE", re.compile(r"(?<![\w.+])(?:\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{2,4}(?:[ -]\d{2,4}){2,3}|\(\d{3}\) \d{3}-\d{4})(?![\w-])"), lambda t: "555-01" not in t),
    _Rule("SSN", re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"), lambda t: t != "123-45-6789"),
    _Rule("CARD", re.compile(r"(?<![\w.-])(?:\d{4}[ -]?){3}\d{1,7}(?![\w-])"), _luhn),
    _Rule("IBAN", re.compile(r"\b[A-Z]{2}\d{2} ?(?:[A-Z0-9]{4} ?){2,7}[A-Z0-9]{1,4}\b"), _iban),
)  # fmt: skip

_PAYLOADS = (
    _Rule("REVERSE_SHELL", re.compile(r"(?:ba)?sh -i\s*(?:>&|&>|[<>|]).{0,40}/dev/(?:tcp|udp)/|\bn(?:c|cat)\b(?: -\w+)* \S{3,64} \d{2,5} -[ec] ?\S*sh\b|/dev/tcp/\d[\d.]+/\d+ ?0>&1")),
    _Rule("PAYLOAD_BUILD", re.compile(r"\bmsfvenom\b[^\n]{0,80}-p [^\n]{0,120}\bLHOST=", re.IGNORECASE)),
    _Rule("WEB_SHELL", re.compile(r"<\?php[^?]{0,80}\b(?:system|exec|passthru|shell_exec|eval|assert)\s*\(\s*(?:base64_decode\()?\$_(?:GET|POST|REQUEST|COOKIE)", re.IGNORECASE)),
    _Rule("LOADER", re.compile(r"\b(?:iex|invoke-expression)\b[^\n]{0,60}\b(?:downloadstring|frombase64string)\b|powershell[^\n]{0,80} -e(?:nc|ncodedcommand)? [A-Za-z0-9+/=]{60}", re.IGNORECASE)),
    _Rule("SHELLCODE", re.compile(r"(?:\\x[0-9a-fA-F]{2}){24}")),
)  # fmt: skip


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
