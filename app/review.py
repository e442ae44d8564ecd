"""Review on the command line: `python -m app.review ACTION …`.

    python -m app.review list [--state open,labelled] [--limit 20]
    python -m app.review show|claim|release ITEM              show claims the item first
    python -m app.review label ITEM LABEL EXPECTED [--note TEXT]
    python -m app.review decide ITEM uphold|overturn LABEL EXPECTED [--note TEXT]
    python -m app.review agreement
    python -m app.review export FILE [--limit 50]             Label Studio's tasks, each claimed as it is written
    python -m app.review import FILE                          Label Studio's JSON export
    python -m app.review gold FILE                            JSONL of text, label, expected: items with a known answer

PRECEPTOR_URL and PRECEPTOR_API_KEY (a reviewer's key, for `gold` an admin's) say where and who. Prints JSON.
Exit status: 0 done, 1 refused, 2 could not ask.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uuid_utils import uuid7

from app.reviewing import label_studio
from app.reviewing.labels import EXPECTED, LABELS, MEANS
from audit.client import AuditClient
from audit.errors import AuditError, RemoteError
from audit.record import Entry, Kind

TIMEOUT_S = 60.0
GOLD = "gold"  # tenant and subject of items that nobody asked


class ServerRefused(Exception):
    """The server said no; what it said."""


@dataclass(frozen=True, slots=True)
class Client:
    """The review routes of one server, for one reviewer."""

    url: str
    key: str = field(repr=False)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer; ServerRefused with the server's words, OSError where none answers."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/v1/review{path}", data, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - checked in _client
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ServerRefused(_said(error)) from error

    def open(self, about: str, reason: str) -> dict[str, Any]:
        """Claim an item; it and its text."""
        self.call("POST", f"/{about}/claim", {})
        item: dict[str, Any] = self.call("GET", f"/{about}")
        opened = self.call("POST", f"/{about}/text", {"reason": reason})
        return item | {"records": opened["records"], "appeals": opened["appeals"]}


def _said(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"


def _place() -> tuple[str, str]:
    url, key = os.environ.get("PRECEPTOR_URL", "").rstrip("/"), os.environ.get("PRECEPTOR_API_KEY", "")
    if not url.startswith(("http://", "https://")) or not key:
        raise OSError("expected PRECEPTOR_URL and PRECEPTOR_API_KEY, found none")
    return url, key


def _labelled(given: argparse.Namespace) -> dict[str, Any]:
    note = {} if given.note is None else {"note": given.note}
    return {"label": given.label, "expected": given.expected, "means": given.means, **note}


def _exported(client: Client, file: Path, limit: int) -> dict[str, Any]:
    """Claims each item that it writes; one that somebody else has taken meanwhile is left out."""
    tasks = []
    for item in client.call("GET", f"?limit={limit}")["items"]:
        try:
            tasks.append(label_studio.task(client.open(item["about"], "export to Label Studio")))
        except ServerRefused:
            continue
    file.write_text(json.dumps(tasks, indent=1, ensure_ascii=False) + "\n")
    return {"tasks": len(tasks), "file": str(file)}


def _imported(client: Client, file: Path) -> Iterator[dict[str, Any]]:
    """One result per annotation; what is refused does not stop the rest."""
    for about, said in label_studio.annotations(json.loads(file.read_text())):
        try:
            client.call("POST", f"/{about}/claim", {})
            yield {"about": about} | client.call("POST", f"/{about}/label", said | {"means": "import"})
        except ServerRefused as refusal:
            yield {"about": about, "refused": str(refusal)}


def _gold(file: Path) -> dict[str, Any]:
    """One finding per line; the text is sealed like anyone's, and its label shown to nobody."""
    entries = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        try:
            row = json.loads(line)
            fields = {"campaign": "gold", "attack": "none", "outcome": "marked", "source": "gold"}
            fields |= {"category": row["label"], "expected": row["expected"]}
            entries.append(Entry(Kind.finding, str(uuid7()), 0, GOLD, GOLD, fields, row["text"]).checked())
        except (ValueError, KeyError, TypeError, AuditError) as error:
            raise ValueError(f"{file} line {number}: expected text, label and expected: {error}") from error
    url, key = _place()
    results = [
        result for at in range(0, len(entries), 100) for result in AuditClient(url, key).append(entries[at : at + 100])
    ]
    return {"added": sum("receipt" in result for result in results), "refused": sum("error" in one for one in results)}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m app.review", description=__doc__.split("\n")[0])
    actions = options.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="what awaits a look, the most urgent first")
    listing.add_argument("--state", default="open,labelled,disputed,agreed")
    listing.add_argument("--limit", type=int, default=20)
    for name, told in (("show", "claim an item and open its text"), ("claim", "hold it"), ("release", "give it back")):
        actions.add_parser(name, help=told).add_argument("item")
    for name in ("label", "decide"):
        one = actions.add_parser(name, help="what it was, and what should have happened")
        one.add_argument("item")
        if name == "decide":
            one.add_argument("decision", choices=("uphold", "overturn"))
        one.add_argument("label", choices=LABELS)
        one.add_argument("expected", choices=EXPECTED)
        one.add_argument("--note")
        one.add_argument("--means", choices=MEANS, default=MEANS[0], help="scripted: no person has looked")
    actions.add_parser("agreement", help="how far reviewers agree, by label and with gold items")
    exporting = actions.add_parser("export", help="write tasks for Label Studio, and claim them")
    exporting.add_argument("file", type=Path)
    exporting.add_argument("--limit", type=int, default=50)
    actions.add_parser("import", help="take the labels of a Label Studio export").add_argument("file", type=Path)
    help_gold = "add items whose answer is known, as if they were anyone's; about one in twenty tells how reviewers do"
    actions.add_parser("gold", help=help_gold).add_argument("file", type=Path)
    return options


def _act(client: Client, given: argparse.Namespace) -> Any:
    acts: dict[str, Callable[[], Any]] = {
        "list": lambda: client.call("GET", f"?state={given.state}&limit={given.limit}"),
        "show": lambda: client.open(given.item, "review"),
        "agreement": lambda: client.call("GET", "/agreement"),
        "label": lambda: client.call("POST", f"/{given.item}/label", _labelled(given)),
        "decide": lambda: client.call("POST", f"/{given.item}/decide", _labelled(given) | {"decision": given.decision}),
        "export": lambda: _exported(client, given.file, given.limit),
        "gold": lambda: _gold(given.file),
        "import": lambda: {"results": list(_imported(client, given.file))},
        "claim": lambda: client.call("POST", f"/{given.item}/claim", {}),
        "release": lambda: client.call("POST", f"/{given.item}/release", {}),
    }
    return acts[given.action]()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    given = parser().parse_args(arguments)
    try:
        print(json.dumps(_act(Client(*_place()), given), indent=1, ensure_ascii=False))
    except ServerRefused as refusal:
        print(f"review: {refusal}", file=sys.stderr)
        return 1
    except (OSError, ValueError, RemoteError) as error:
        print(f"review: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
