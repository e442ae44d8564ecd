"""Credentials in a text: CredSweeper's rules, the patterns of known issuers, and values that are called secret.

CredSweeper (MIT) reads line by line; longer lines are handed over in pieces, so the cost stays linear.
"""

import logging
import re
from collections.abc import Iterator
from typing import Any

from guards import rules
from guards.verdict import Span

LONGEST = 800  # characters of a line that are looked at in one piece: rules go back and forth in each
_TOGETHER = 8  # lines that are handed over at once: what is found in them is compared pair by pair
_CROWD, _SHORT = 40, 120  # assignments that are handed over at once; characters at once of lines that are full of them

_NAME = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_ -]?key|access[_ -]?key|auth[_ -]?key|account[_ -]?key|key|"
    r"credential|community|signature|sig|bearer|authorization|client[_ -]?secret|conn(?:ection)?[_ -]?string|webhook)"
)
_ASSIGNED = re.compile(
    rf"(?i)(?<![a-z]){_NAME}[\w.\]-]{{0,24}}[\"']?(?:\s*(?:=>?|:=?|,)\s*|\s+(?:is|as)\s+|>|\s)"
    r"[\"'`]{0,3}(?:basic |bearer )?"
    r"(?P<value>[A-Za-z0-9+/_=.~!@#$%^&*:-]{8,512})"
)
_ISSUED = re.compile(
    r"""\b(?:
    (?:sk|pk|rk)_(?:live|test)_[0-9a-zA-Z]{16,} | (?:glpat|glptt|gldt|glrt|GR1348941)-?[\w-]{20,} | gh[pousr]_\w{30,}
  | xox[abeoprs]-[\w-]{10,} | xapp-\d-[\w-]{20,} | AKIA[0-9A-Z]{16} | ASIA[0-9A-Z]{16} | AIza[\w-]{35}
  | ya29\.[\w-]{20,}
  | GOCSPX-[\w-]{28} | \d{6,}-[0-9a-z]{32}\.apps\.googleusercontent\.com | SG\.[\w-]{16,}\.[\w-]{16,} | key-[0-9a-f]{32}
  | dop_v1_[0-9a-f]{64} | do[or]_v1_[0-9a-f]{64} | npm_[A-Za-z0-9]{36} | pypi-[\w-]{50,} | hf_[A-Za-z0-9]{30,}
  | shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32} | sq0(?:atp|csp)-[\w-]{22,} | EAAA[\w-]{50,} | dckr_pat_[\w-]{20,}
  | NRAK-[A-Z0-9]{27}
  | lin_api_[A-Za-z0-9]{40} | PMAK-[0-9a-f]{24}-[0-9a-f]{34} | pul-[0-9a-f]{40} | rubygems_[0-9a-f]{48} | sk-[\w-]{20,}
  | r8_[A-Za-z0-9]{37} | tfp_\w{40,} | hvs\.[\w-]{20,} | AGE-SECRET-KEY-1[0-9A-Z]{58} | oy2[a-z0-9]{43}
  | A3-[A-Z0-9-]{26,}
  | CFPAT-[\w-]{40,} | aio_[A-Za-z0-9]{28} | da2-[a-z0-9]{26} | AccountKey=[A-Za-z0-9+/]{60,}={0,2} | ops_eyJ[\w-]{100,}
  | phc_\w{40,} | dp\.(?:pt|st|ct|sa)\.[\w.-]{40,} | figd_[\w-]{36,} | ATATT[\w-]{50,}=?[\w]* | sbp_[0-9a-f]{40}
  | FlyV1\ fm2_[\w/+=,-]{60,} | ntn_\w{40,} | waka_[0-9a-f-]{36} | sntry[su]_[\w+/=-]{40,} | vercel_[\w]{24,}
    )(?![\w-])""",
    re.VERBOSE,
)
_IN_URL = re.compile(r"(?i)\b[a-z][a-z0-9+.-]{2,20}://[^\s:/@\"']{0,80}:(?P<value>[^\s:/@\"']{3,120})@")
_HOOK = re.compile(
    r"https://(?:hooks\.slack\.com/services|[\w-]+\.webhook\.office\.com/webhookb2|"
    r"discord(?:app)?\.com/api/webhooks)/[\w/@.-]{20,}"
)
_TOKEN = re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}")
_HASHED = re.compile(  # crypt(3), Kerberos and the like: a password for whoever has time
    r"\$(?:1|2[abxy]?|5|6|7|8|9|y|sha1|argon2(?:id?|d)|pbkdf2[\w-]*|krb5\w{2,8}|scrypt|apr1|P|H)\$[\w./$=,+*@:-]{20,2000}"
)
_PASSWORD = re.compile(  # in code, connection strings and command lines a password may be any word
    r"""(?ix)
    (?:password|passwd|passphrase|\bpwd|\bpass)["']?\s*(?:=>|:=|=)\s*(?P<quote>["'])(?P<value>[^"'\s$<{]{4,80})(?P=quote)
  | ;\s*(?:password|pwd)\s*=\s*(?P<odbc>[^;"'\s$<{(#]{4,80})(?=[;"'\s]|\Z)
  | \bmachine\s+\S+\s+login\s+\S+\s+password\s+(?P<netrc>\S{4,80})
  | \bpsexec\S*\s[^\n]{0,200}?\s-p\s+(?P<psexec>[^\s$%]{4,80})
  | (?:NetworkCredential|DirectoryEntry)\((?:\s*["'][^"'\n]{1,200}["']\s*,){1,2}\s*["'](?P<net>[^"'\s]{4,80})["']
  | (?:_pat|\blogin|[_-]token|[_-]id|license_?key|access)["']?\s*[=:,]\s*["']?
    (?P<long>(?=[A-Za-z_-]*\d)[0-9A-Za-z_.-]{32,100})\b
    """
)
_STAND_IN = re.compile(
    r"(?i)example|sample|dummy|placeholder|your|xxxx|\*\*\*|\.\.\.|changeme|<|\$\{|\{\{|%\w+%|\$\(|(.)\1{5}|^[a-z]+$|^[a-z]+[.:_-][a-z.:_-]+$|^\d{1,9}$|"
    r"redacted|null|none|true|false|process\.env|getenv|os\.environ"
)


class SecretScan:
    """Finds credentials. Loads CredSweeper at the first call, about a second."""

    def __init__(self) -> None:
        self._sweeper: Any = None

    def find(self, text: str) -> list[Span]:
        """Spans labelled SECRET: the values, not what they are called."""
        found = [(start, end, "SECRET") for start, end, _ in rules.secrets(text)]
        for pattern in (_ISSUED, _HOOK, _TOKEN, _HASHED):
            found += [(match.start(), match.end(), "SECRET") for match in pattern.finditer(text)]
        found += [(*match.span("value"), "SECRET") for match in _IN_URL.finditer(text)]
        found += [(*match.span(match.lastgroup or 0), "SECRET") for match in _PASSWORD.finditer(text)]
        for match in _ASSIGNED.finditer(text):
            if _random(match["value"]):
                found.append((*match.span("value"), "SECRET"))
        return [made for span in (*found, *self._swept(text)) if (made := _trimmed(text, *span))]

    def _swept(self, text: str) -> Iterator[Span]:
        if not re.search(r"[=:>\"'-]|\w{16}", text):
            return
        for pieces in _portions(text):
            for candidate in self._scan([piece for _, piece in pieces]):
                for each in candidate.line_data_list:
                    at = pieces[each.line_num - 1][0] + each.value_start
                    end = at + len(each.value or "")
                    if (
                        each.value
                        and each.value_start >= 0
                        and text[at:end] == each.value
                        and not _prose(text, at, end)
                    ):
                        yield at, end, "SECRET"

    def _scan(self, lines: list[str]) -> list[Any]:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of its exports, which it will move
            from credsweeper import CredSweeper
            from credsweeper.file_handler.string_content_provider import StringContentProvider

            if self._sweeper is None:
                logging.getLogger("credsweeper").setLevel(logging.CRITICAL)  # it logs values
                self._sweeper = CredSweeper(ml_threshold=None)
            found: list[Any] = self._sweeper.file_scan(StringContentProvider(lines))
        return found


def _portions(text: str) -> Iterator[list[tuple[int, str]]]:
    """Pieces of lines with their places, so many at once that few assignments stand in them together."""
    portion: list[tuple[int, str]] = []
    weight = 0
    for line in re.finditer(r"[^\r\n]+", text):
        signs = line.group().count("=") + line.group().count(":")
        length = LONGEST if signs * LONGEST <= _CROWD * max(len(line.group()), LONGEST) else _SHORT
        for offset in range(0, len(line.group()), length * 3 // 4):
            piece = line.group()[offset : offset + length]
            more = piece.count("=") + piece.count(":")
            if portion and (len(portion) == _TOGETHER or weight + more > _CROWD):
                yield portion
                portion, weight = [], 0
            portion.append((line.start() + offset, piece))
            weight += more
    if portion:
        yield portion


_NO_SECRET = re.compile(
    r"[^{}]*\{[\w.()]+\}.*|[\d:./-]{4,12}|[\\/.~%][\\/\w].*|\w{1,3}|.*\.(?:dll|exe|php|html?|js|py|txt|md)"
)


def _prose(text: str, start: int, end: int) -> bool:
    """Whether it is a plain word that nothing assigns: "the password should be changed"."""
    return bool(re.fullmatch(r"[A-Z]?[a-z]+", text[start:end])) and text[start - 1 : start] not in {
        '"',
        "'",
        "=",
        ":",
        ">",
    }


def _trimmed(text: str, start: int, end: int, label: str) -> Span | None:
    """Without punctuation at its end; nothing, where what is left is a time, a path or a file."""
    while end > start and text[end - 1] in ".,:;)'\"":
        end -= 1
    return None if _NO_SECRET.fullmatch(text[start:end]) else (start, end, label)


def _random(value: str) -> bool:
    """Whether a value looks drawn rather than written: letters and digits mixed, and no stand-in."""
    if _STAND_IN.search(value) or value.startswith(("/", "./", "http")):
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w.:/-]"))
    return kinds >= 2 and len(set(value)) >= 6 and bool(re.search(r"\d", value))
