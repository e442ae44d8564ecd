"""Take what identifies people, machines and firms out of a text: `python -m guards.sanitize IN OUT`.

IN and OUT are JSON Lines. In: {"id", "text"}. Out, one line per input line in the same order: {"id", "text", "spans"},
where spans are [start, end, label] in code points of the input, half-open, sorted, not overlapping, and cover exactly
what was changed. Labels and what is done with each: guards/sanitizer.yaml. A bad line gives {"id": null, "line",
"error"}. Exit status: 0, 1 after a bad line, 2 for files that cannot be read or written. Needs neither Ray nor network.
"""

import argparse
import hashlib
import hmac
import ipaddress
import json
import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from guards import sanitize_rules
from guards.sanitize_policy import Policy
from guards.verdict import Span

FOLDER = Path(__file__).parent
KEY = b"preceptor"  # of placeholders where nobody gives one: stable, and guessable by who has the value
_ROUNDS = 8

Find = Callable[[str], Iterable[Span]]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text made clean, and the stretches of the input that were changed."""

    text: str
    spans: tuple[Span, ...]


class Sanitizer:
    """Use `Sanitizer.load`. The same text, key and names give the same result; what is clean stays as it is."""

    def __init__(self, policy: Policy, finders: Sequence[Find], key: bytes, digest: str) -> None:
        self._policy, self._finders, self._key = policy, finders, key
        self.digest = digest

    @classmethod
    def load(
        cls, key: bytes = KEY, known: Iterable[str] = (), *, model: bool = True, folder: Path | None = None
    ) -> Self:
        """With rules, secrets and, unless told otherwise, the tagger in `folder`. known: more public names to keep.

        Raises WeightsError when the weights are not those on their card.
        """
        from guards.secret_scan import SecretScan

        policy = Policy.load()
        forms = sanitize_rules.Forms(policy.sites)
        finders: list[Find] = [
            SecretScan().find,
            exploit_functions(_listed("exploit_names.txt")),
            lambda text: sanitize_rules.find(text, forms),
        ]
        told = [policy.digest, *(_digest(FOLDER / name) for name in ("exploit_names.txt", "known_names.txt"))]
        if model:
            from guards.sanitize_model import Model

            trained = Model.load(policy, [*_listed("known_names.txt"), *known], folder)
            finders.append(trained.find)
            told.append(trained.digest)
        return cls(policy, finders, key, hashlib.sha256("".join(told).encode()).hexdigest())

    def clean(self, text: str) -> Cleaned:
        """The text without what the policy names. What a round leaves is looked at again, until nothing is found.

        So the result is clean by the same measure, and cleaning it again changes nothing.
        """
        done: dict[tuple[int, int], tuple[str, str]] = {}  # of the input -> label, what stands there now
        for _ in range(max(_ROUNDS, len(text))):
            now, place = _rendered(text, done)
            found = self._find(now)
            if not found:
                break
            done = self._further(now, place, done, found)
        spans = tuple((start, end, label) for (start, end), (label, _) in sorted(done.items()))
        return Cleaned(_rendered(text, done)[0], spans)

    def _further(
        self, now: str, place: list[int], done: dict[tuple[int, int], tuple[str, str]], found: Sequence[Span]
    ) -> dict[tuple[int, int], tuple[str, str]]:
        """What was done, with what is found now. A find within a changed stretch, as in a link, changes it further."""
        before = [(*_shown(place, *stretch), label) for stretch, (label, _) in done.items()]
        made: dict[tuple[int, int], tuple[str, str]] = {}
        starts = [start for start, _, _ in found]
        for start, end, label in _unions([*before, *found]):
            parts, last = [], start
            for a, b, each in found[bisect_left(starts, start) : bisect_left(starts, end)]:
                parts += [now[last:a], self._instead(now[a:b], each)]
                last = b
            made[place[start], place[end - 1] + 1] = (label, "".join([*parts, now[last:end]]))
        return made

    def _find(self, text: str) -> list[Span]:
        """What is to be changed, the first finder's word before the next one's, cut by what must stay."""
        free = bytearray(b"\1") * len(text)
        for start, end in sanitize_rules.kept(text):
            free[start:end] = bytes(end - start)
        found: list[Span] = []
        for finder in self._finders:
            for start, end, label in sorted(finder(text)):
                act = self._policy.acts[label]
                if act == "keep" or (act == "map" and not all(free[start:end])):
                    continue  # half an address is none
                found += [(a, b, label) for a, b in _free(text, free, start, end) if self._changes(text[a:b], label)]
        return sorted(found)

    def _changes(self, value: str, label: str) -> bool:
        return self._instead(value, label) != value

    def _instead(self, value: str, label: str) -> str:
        act = self._policy.acts[label]
        if act == "map":
            return mapped(value, self._key)
        if act == "defang":
            return defanged(value)
        same = re.sub(r"\s+", " ", value).strip().casefold()
        return f"[{label}-{self._mark(label, same)}]"

    def _mark(self, label: str, value: str) -> str:
        said = f"{label}\0{value}".encode("utf-8", "replace")
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()[:6]


def _free(text: str, free: bytearray, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a stretch that nobody has claimed, without blanks at their ends; they are claimed now."""
    for run in re.finditer(b"\1+", bytes(free[start:end])):
        a, b = start + run.start(), start + run.end()
        while a < b and not text[a].isalnum() and text[a] not in "+(/\\":
            a += 1
        while a < b and text[b - 1].isspace():
            b -= 1
        if any(c.isalnum() for c in text[a:b]):
            free[a:b] = bytes(b - a)
            yield a, b


def _rendered(text: str, done: dict[tuple[int, int], tuple[str, str]]) -> tuple[str, list[int]]:
    """The text as it is now, and for each of its characters the place in the input that it stands for."""
    parts, place, last = [], [], 0
    for (start, end), (_, instead) in sorted(done.items()):
        parts += [text[last:start], instead]
        place += [*range(last, start), *([start] * (len(instead) - 1)), end - 1][
            : len(range(last, start)) + len(instead)
        ]
        last = end
    return "".join([*parts, text[last:]]), [*place, *range(last, len(text))]


def _shown(place: list[int], start: int, end: int) -> tuple[int, int]:
    """Where a stretch of the input stands in the text as it is now."""
    return bisect_left(place, start), bisect_left(place, end)


def _unions(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans that share a character as one, under the label of the first, of those that begin together the longest."""
    held: Span | None = None
    for start, end, label in sorted(spans, key=lambda span: (span[0], -span[1])):
        if held and start < held[1]:
            held = (held[0], max(held[1], end), held[2])
            continue
        if held:
            yield held
        held = (start, end, label)
    if held:
        yield held


def mapped(value: str, key: bytes) -> str:
    """An address of the documentation ranges (RFC 5737, RFC 3849); those of one /24 or /64 stay together."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return "192.0.2.0"
    if address.version == 4:
        net, _, host = value.rpartition(".")
        chosen = hmac.new(key, net.encode(), hashlib.sha256).digest()[0] % 3
        return f"{('192.0.2', '198.51.100', '203.0.113')[chosen]}.{host}"
    groups = address.exploded.split(":")
    net = hmac.new(key, ":".join(groups[:4]).encode(), hashlib.sha256).hexdigest()
    host = hmac.new(key, ":".join(groups[4:]).encode(), hashlib.sha256).hexdigest()
    return f"2001:db8:{int(net[:4], 16):x}:{int(net[4:8], 16):x}::{int(host[:4], 16) or 1:x}"


def defanged(value: str) -> str:
    """A link that nobody follows by accident: hxxps://evil[.]com/a."""
    head, slashes, tail = value.rpartition("://") if "://" in value else ("", "", value)
    host, slash, path = tail.partition("/")
    scheme = re.sub(r"(?i)^http", "hxxp", re.sub(r"(?i)^ftp", "fxp", head))
    return f"{scheme}{slashes}{host.replace('.', '[.]')}{slash}{path}"


def exploit_functions(names: Iterable[str]) -> Find:
    """A finder of the given names, whole and whatever their case."""
    whole = "|".join(re.escape(name) for name in sorted(names, key=lambda name: (-len(name), name)))
    pattern = re.compile(rf"(?i)(?<![\w.:-])(?:{whole})(?![\w:-])")
    return lambda text: [(m.start(), m.end(), "EXPLOIT_FUNCTION") for m in pattern.finditer(text)]


def _listed(name: str) -> list[str]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cleaned_line(line: str, sanitizer: Sanitizer) -> dict[str, Any]:
    """One input line as an output line; raises ValueError."""
    row = json.loads(line)
    if not isinstance(row, dict) or "id" not in row or not isinstance(row.get("text"), str):
        raise ValueError("expected an object with id and a string text")
    made = sanitizer.clean(row["text"])
    return {"id": row["id"], "text": made.text, "spans": [list(span) for span in made.spans]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m guards.sanitize", description=__doc__.split("\n")[0])
    parser.add_argument("source", metavar="IN", type=Path, help="JSON Lines of texts")
    parser.add_argument("target", metavar="OUT", type=Path, help="JSON Lines of clean texts")
    parser.add_argument(
        "--key-file", type=Path, help="key of the placeholders, so that nobody can guess what they stand for"
    )
    parser.add_argument("--rules-only", action="store_true", help="without the trained tagger")
    options = parser.parse_args(arguments)
    bad = 0
    try:
        key = options.key_file.read_bytes().strip() if options.key_file else KEY
        if not key:
            raise OSError(f"{options.key_file}: expected a key, got an empty file")
        sanitizer = Sanitizer.load(key, model=not options.rules_only)
        with options.source.open(encoding="utf-8") as lines, options.target.open("w", encoding="utf-8") as out:
            for number, line in enumerate(lines, 1):
                try:
                    row = cleaned_line(line, sanitizer)
                except (ValueError, RecursionError) as error:
                    bad, row = bad + 1, {"id": None, "line": number, "error": str(error)}
                out.write(json.dumps(row) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        print(f"guards.sanitize: {error}", file=sys.stderr)
        return 2
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
