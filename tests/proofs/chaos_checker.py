"""What clients hold against what the log holds. It imports nothing that answers or guards: the log is asked by command.

python -m tests.proofs.chaos_checker ROOT --key FILE --keys DIR --journal FILE... [--now SECONDS]

prints one JSON object; exit 0 where nothing is wrong.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.errors import BadProof
from tests.proofs.chaos_heard import Heard, leaf, read

MAY_LEAVE = ("ALLOW", "REDACT")
SAYS_NO = ("REFUSE", "TEACH")
CLOSING = ("answer", "refusal", "lesson", "fault", "interrupted")
GRACE_S = 15.0  # after the deadline of a request, until its log's writer has closed it
COMMAND_S = 600.0
RECORDS = f"""select origin, idx, request_id, seq, kind, action, fields,
  case when kind in ('window', 'refusal', 'lesson') then text end as text
  from records where kind in ('request', 'window', {str(CLOSING)[1:-1]})"""  # noqa: S608  names of ours
WRONG = ("unlogged_bytes", "unchecked_bytes", "windows_without_verdict", "acknowledged_and_lost", "receipts_invalid",
         "answers_without_receipt", "records_twice", "closed_twice", "open_after_deadline")  # fmt: skip


@dataclass(slots=True)
class Logged:
    """One exchange as the log has it; records in their order."""

    records: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def request(self) -> Mapping[str, Any] | None:
        return next((each for each in self.records if each["kind"] == "request"), None)

    @property
    def closings(self) -> list[str]:
        return [each["kind"] for each in self.records if each["kind"] in CLOSING]

    def text(self) -> str:
        """All that the log says was shown."""
        return "".join(each["text"] or "" for each in self.records)

    def checked(self) -> str:
        """The part of it before the first text whose record bears no verdict that lets it leave."""
        texts = []
        for each in self.records:
            if each["text"] and not self.bears_verdict(each):
                break
            texts.append(each["text"] or "")
        return "".join(texts)

    def bears_verdict(self, record: Mapping[str, Any]) -> bool:
        """A window's own verdict counts only after one that let the question in; a lesson is text of ours."""
        if record["kind"] != "window":
            return record["action"] in SAYS_NO
        asked = self.request
        return record["action"] in MAY_LEAVE and asked is not None and asked["action"] in MAY_LEAVE

    def is_open(self, now: float) -> bool:
        """Whether nothing closed it, long after its deadline."""
        asked = self.request
        if asked is None or self.closings:
            return False
        return bool(json_of(asked["fields"])["deadline_us"] / 1e6 + GRACE_S < now)


def compare(heard: Iterable[Heard], rows: Iterable[Mapping[str, Any]], now: float) -> dict[str, Any]:
    """Everything that texts and records say about each other. Pure; `now` is in seconds since 1970."""
    logged: dict[str, Logged] = defaultdict(Logged)
    for row in sorted(rows, key=lambda row: (row["request_id"], row["seq"])):
        logged[row["request_id"]].records.append(row)
    found = Counter(dict.fromkeys(WRONG, 0))
    each = [(one.about, _of_one(one, logged.get(one.about, Logged()))) for one in heard]
    each += [(key, _of_exchange(exchange, now)) for key, exchange in logged.items()]
    for _, counted in each:
        found.update(counted)
    suspects = {key for key, counted in each if any(counted[name] for name in WRONG)}
    return dict(found) | {"suspects": sorted(suspects)[:20]}


def _of_one(one: Heard, logged: Logged) -> Counter[str]:
    """What is wrong with one client's answer, in bytes and numbers."""
    text, shown, checked = one.text.encode(), logged.text().encode(), logged.checked().encode()
    inside, sure = _common(text, shown), _common(text, checked)
    places = {(row["origin"], row["idx"], row["request_id"], row["seq"]) for row in logged.records}
    lost = sum(_place(receipt) not in places for receipt in one.receipts)
    ended = bool({"answer", "lesson", "refusal"} & set(logged.closings))
    return Counter(
        questions=1, answers_good=one.is_good, bytes_received=len(text), receipts=len(one.receipts),
        unlogged_bytes=len(text) - inside, unchecked_bytes=max(0, inside - sure),
        acknowledged_and_lost=lost or int(one.is_whole and not ended),
        answers_without_receipt=one.is_whole and not one.receipts,
    )  # fmt: skip


def _of_exchange(exchange: Logged, now: float) -> Counter[str]:
    windows = [each for each in exchange.records if each["kind"] == "window"]
    seqs = Counter((each["origin"], each["seq"]) for each in exchange.records)
    return Counter(
        exchanges=1, windows=len(windows),
        windows_without_verdict=sum(not exchange.bears_verdict(each) for each in windows),
        records_twice=sum(times > 1 for times in seqs.values()), closed_twice=len(exchange.closings) > 1,
        open_after_deadline=exchange.is_open(now), interrupted="interrupted" in exchange.closings,
        faults="fault" in exchange.closings,
    )  # fmt: skip


def _common(text: bytes, other: bytes) -> int:
    """Length of the beginning that both share."""
    same = 0
    for here, there in zip(text, other, strict=False):
        if here != there:
            break
        same += 1
    return same


def _place(receipt: str) -> tuple[str, int, str, int] | None:
    try:
        about = leaf(receipt)
        return about["origin"], about["idx"], about["request_id"], about["seq"]
    except (BadProof, KeyError, ValueError):
        return None


def json_of(value: Any) -> Any:
    """A JSON column, which comes as text or already read."""
    return json.loads(value) if isinstance(value, str) else value


def check(root: Path, key: Path, keys: Path, heard: Sequence[Heard], now: float | None = None) -> dict[str, Any]:
    """The whole check of one root, by the commands that a stranger has; of a log that is not valid what can be read."""
    alone, report = _verify(root, key, ()), _verify(root, key, heard)
    try:
        rows = records(root, keys, trust=not alone["valid"])
    except RuntimeError:
        if alone["valid"]:
            raise
        rows = []  # nothing can be read: then nothing is proven to be logged
    found = compare(heard, rows, time.time() if now is None else now)
    found["receipts_invalid"] = found.get("receipts", 0) - sum(one["valid"] for one in report["receipts"])
    return found | {"log_valid": alone["valid"], "first_bad": alone["first_bad"] or report["first_bad"]}


def records(root: Path, keys: Path, *, trust: bool = False) -> list[dict[str, Any]]:
    """The records of all exchanges, with what was shown."""
    how = ("--format", "json", "--keys", str(keys), "--reason", "chaos", *(("--trust-files",) if trust else ()))
    found: list[dict[str, Any]] = json.loads(_command("audit.query", str(root), RECORDS, *how).stdout)
    return found


def is_clean(found: Mapping[str, Any]) -> bool:
    """Whether nothing is wrong."""
    return bool(found["log_valid"]) and not any(found[name] for name in WRONG)


def _verify(root: Path, key: Path, heard: Sequence[Heard]) -> dict[str, Any]:
    """The verifier's report on the log, and on every receipt with the response that brought it."""
    with tempfile.TemporaryDirectory(prefix="receipts-") as folder:
        flags: list[str] = []
        for number, one in enumerate(heard):
            for place, receipt in enumerate(one.receipts):
                path = Path(folder) / f"receipt-{number}-{place}"
                path.write_text(one.body if len(one.receipts) == 1 else receipt)
                flags += ["--receipt", str(path)]
        said = _command("audit.verify", str(root), "--key", str(key), *flags, may_fail=True)
    report: dict[str, Any] = json.loads(said.stdout)
    return report


def _command(*arguments: str, may_fail: bool = False) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False, timeout=COMMAND_S
    )
    if done.returncode > may_fail:
        raise RuntimeError(f"{arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 clean, 1 not."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.chaos_checker", description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--journal", type=Path, action="append", required=True)
    parser.add_argument("--now", type=float)
    given = parser.parse_args(arguments)
    heard = [one for journal in given.journal for one in read(journal)]
    found = check(given.root, given.key, given.keys, heard, given.now)
    print(json.dumps(found))
    return 0 if is_clean(found) else 1


if __name__ == "__main__":
    sys.exit(main())
