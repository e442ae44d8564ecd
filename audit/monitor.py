"""The compliance monitor: `python -m audit.monitor [ROOT] [--webhook URL]... [--once]`.

It watches every log of ROOT, asks the rules of a YAML file, and makes alert records, signed webhooks and Prometheus
metrics of what it finds. PRECEPTOR_URL is the server, PRECEPTOR_API_KEY an admin's key, PRECEPTOR_WEBHOOK_SECRET signs
webhooks; PRECEPTOR_LOG may name ROOT. docs/monitoring.md explains rules, thresholds and what receivers get.
Exit 0 all was looked at and handed over, 1 something is kept for the next run, 2 it cannot work.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from audit import pipe
from audit.client import AuditClient
from audit.errors import AuditError
from audit.monitoring.categories import Categories
from audit.monitoring.courier import Courier
from audit.monitoring.door import BATCH, Door
from audit.monitoring.drift import Shift
from audit.monitoring.errors import BadSetup
from audit.monitoring.metrics import Metrics
from audit.monitoring.outbox import Outbox
from audit.monitoring.round import Ask, Round
from audit.monitoring.rules import SHIPPED, read_rules
from audit.monitoring.service import Monitor
from audit.monitoring.watch import Watch
from audit.monitoring.webhook import Webhook, read_secret, require_url, secret_in
from audit.query import Asker
from audit.store import open_store, to_address

HOME, ROOT, URL, KEY, SECRET = (
    "PRECEPTOR_HOME", "PRECEPTOR_LOG", "PRECEPTOR_URL", "PRECEPTOR_API_KEY", "PRECEPTOR_WEBHOOK_SECRET",
)  # fmt: skip
POLICY = Path(__file__).resolve().parents[1] / "guards" / "policy.yaml"
DOOR_TIMEOUT_S, DOOR_PAUSE_S = 5.0, 4.0  # the log is asked again soon: an alert is a record within seconds
REASON = "drift of what is asked (audit.monitor)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 done, 1 something is kept, 2 cannot work."""
    given = _parser().parse_args(arguments)
    try:
        monitor = build(given)
        with closing(monitor.outbox):
            return _work(monitor, given)
    except KeyboardInterrupt:
        return 0
    except (AuditError, OSError) as error:
        _say(str(error))
        return 2


def _work(monitor: Monitor, given: argparse.Namespace) -> int:
    if given.metrics is not None:
        _say(f"metrics on port {monitor.metrics.serve(*given.metrics)}")
    if given.once:
        return 0 if monitor.once() else 1
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    monitor.run(given.every, stopped)
    return 0


def build(given: argparse.Namespace, say: Callable[[str], None] | None = None) -> Monitor:
    """The monitor that the options describe; BadSetup, BadRoot, OSError."""
    say = say or _say
    root = given.root or os.environ.get(ROOT)
    if not root:
        raise BadSetup(f"expected ROOT or {ROOT}, got neither")
    door, webhooks = _door(), _webhooks(given)
    categories, rules = Categories.read(given.policy), read_rules(given.rules)
    metrics, ask = Metrics(), _rows_of(Asker(root))
    shift = _shift(root, given.keys, ask) if given.keys else None
    outbox = Outbox(given.outbox or Path(os.environ.get(HOME, "var")) / "monitor", [hook.url for hook in webhooks])
    couriers = [Courier("log", outbox.log, door, say, BATCH, DOOR_PAUSE_S)]
    for hook in webhooks:
        queue = outbox.receivers[hook.url]
        couriers.append(Courier(f"{hook.host}-{queue.folder.name[:6]}", queue, hook, say))
    for courier in couriers:
        metrics.watch_queue(courier.name, courier.queue)
    watch = Watch(open_store(to_address(root)), categories, outbox, metrics.raised, say)
    metrics.watch_lag(lambda: time.time() - watch.looked_at)
    return Monitor(watch, Round(rules, categories, ask), ask, outbox, couriers, metrics, say, shift)


def _door() -> Door:
    url, key = os.environ.get(URL, ""), os.environ.get(KEY, "")
    if not url or not key:
        raise BadSetup(f"expected the server in {URL} and an admin's key in {KEY}, got {'no key' if url else 'no URL'}")
    return Door(AuditClient(url, key, DOOR_TIMEOUT_S))


def _webhooks(given: argparse.Namespace) -> list[Webhook]:
    urls = list(dict.fromkeys(map(require_url, given.webhook)))
    if not urls:
        return []
    if given.webhook_secret is not None:
        secret = secret_in(given.webhook_secret)
    elif text := os.environ.get(SECRET):
        secret = read_secret(text)
    else:
        raise BadSetup(f"expected --webhook-secret FILE or {SECRET} with --webhook, got neither")
    return [Webhook(url, secret) for url in urls]


def _shift(root: str, keys: Path, ask: Ask) -> Shift:
    from audit.monitoring.minilm import MiniLM

    return Shift(ask, _rows_of(Asker(root, keys, reader="monitor", reason=REASON)), MiniLM())


def _rows_of(asker: Asker) -> Ask:
    return lambda sql: asker.ask(sql).to_pylist()


def _say(line: str) -> None:
    safe = "".join(c if c.isprintable() else " " for c in line)
    print(f"monitor: {safe}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m audit.monitor", description="Watch the logs, and raise alerts.")
    parser.add_argument("root", metavar="ROOT", nargs="?", help=f"folder or object store URL of the logs, else {ROOT}")
    parser.add_argument("--rules", type=Path, default=SHIPPED, metavar="FILE", help="rules in YAML")
    parser.add_argument("--policy", type=Path, default=POLICY, metavar="FILE", help="which categories are of high risk")
    parser.add_argument("--webhook", action="append", default=[], metavar="URL", help="receiver of alerts; repeatable")
    parser.add_argument("--webhook-secret", type=Path, metavar="FILE", help=f"whsec_..., mode 0600; else {SECRET}")
    parser.add_argument("--once", action="store_true", help="look, ask all rules and deliver, then end")
    parser.add_argument("--every", type=float, default=60.0, metavar="S", help="seconds between rounds of the rules")
    parser.add_argument("--metrics", type=_address, metavar="[HOST:]PORT", help="answer Prometheus there")
    parser.add_argument("--outbox", type=Path, metavar="DIR", help=f"what is on its way; else monitor below {HOME}")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="key folder: also measure drift of what is asked")
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


if __name__ == "__main__":
    sys.exit(pipe.run(main))
