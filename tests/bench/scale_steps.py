"""The steps of a question timed one by one in this process, by the product's own classes. No Ray, no model."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, count, islice
from pathlib import Path

from app import wire
from app.auth import Principal, Role, TokenKey
from app.exchange import Exchange, Identity
from audit.log import Log
from audit.record import Entry, Kind
from deployments.chat import SYSTEM, ChatFormat, Turn
from guards.encoder import Encoder
from guards.guard import Guard
from guards.policy import Policy
from guards.scores import Scores
from guards.stream import Windows
from guards.verdict import Action, Context, Decision, Stage
from tests.bench.load_schedule import QUESTIONS as LOAD
from tests.bench.log_append import closed_loop, writing
from tests.bench.log_records import ALLOWED, DIGESTS, LATER_US, TENANT, Home, batches, receipts, request_id

QUESTIONS = (
    "What is a buffer overflow?", "How does TLS protect a connection?", "Why should passwords be salted?",
    "What is CVE-2021-44228?", "Explain the principle of least privilege.", "How does two-factor authentication help?",
)  # fmt: skip
WINDOW = "Certificates bind a public key to a name, so that a client can tell whom it is talking to over the network. "
ANSWER = WINDOW * 7
ENCODED = (8, 32, 128)  # tokens of a window of the encoder
REPEATS = 40
Figures = dict[str, float]


def median_cpu_s(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """CPU seconds of one call, median, the first call left out."""
    work()
    times = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return statistics.median(times)


def gateway(folder: Path, model: Path) -> Figures:
    """What the Gateway does by itself."""
    TokenKey.create(folder)
    issuer, chat, policy = TokenKey.load(folder), ChatFormat.load(model), Policy.load()
    token, _ = issuer.mint("ada", TENANT, Role.LEARNER, 600)
    messages = [{"role": "user", "content": QUESTIONS[1]}]
    body = json.dumps({"model": "m", "messages": messages, "stream": True}).encode()
    who = Principal("ada", TENANT, Role.LEARNER, "j", 0)
    identity, passed = Identity("m", "a" * 64, "b" * 64, "c" * 64), Decision(Action.ALLOW, None, 0.0, (), WINDOW)
    proof = "".join(f"{n:x}" * 43 + "\n" for n in range(10)) * 3

    def exchange() -> Exchange:
        return Exchange(request_id(1), who, None, identity, policy, wire.parse_chat(body, 256))  # type: ignore[arg-type]

    def admit() -> None:
        issuer.read(token)
        made = exchange()
        chat.encode([Turn("system", SYSTEM), *made.asked.turns])
        made.request(passed, {"params": {}, "deadline_us": LATER_US}, made.asked.said)

    def window() -> None:
        cut = Windows()
        for at in range(0, len(WINDOW), 8):
            cut.push(WINDOW[at : at + 8])
        cut.flush()
        begun.window(passed)
        wire.sse(wire.chunk(begun.request_id, "m", 0, {"content": WINDOW}))

    def close() -> None:
        begun.answer("stop", passed, {"prompt_tokens": 1, "completion_tokens": 1}, ANSWER)
        told = {"finish_reason": "stop", "preceptor": begun.describe("ALLOW", passed, None) | {"receipt": proof}}
        wire.sse(wire.chunk(begun.request_id, "m", 0, {}, told))

    begun = exchange()
    return {"admit_s": median_cpu_s(admit), "window_s": median_cpu_s(window), "close_s": median_cpu_s(close)}


def guard() -> Figures:
    """The rules, as a Gateway runs them, and the encoder, as a Guard does; how much of the latter a check asks for."""
    said = Context(request=QUESTIONS[1], history=(QUESTIONS[1],), system=SYSTEM)
    look, made = _Look(), Figures()
    made |= look.costs("prompt", QUESTIONS[1], Stage.PROMPT, said)
    before = Context(request=QUESTIONS[1], preceding=WINDOW * 3, system=SYSTEM)
    made |= look.costs("window", WINDOW, Stage.WINDOW, before)
    made |= look.costs("answer", ANSWER, Stage.ANSWER, said)
    full = look.encoder.windows(ANSWER)[0]
    seconds = [median_cpu_s(partial(look.encoder.score_window, full[:tokens])) for tokens in ENCODED]
    return made | dict(zip(("encoder_s", "token_s"), line(ENCODED, seconds), strict=True))


class _Look:
    """A guard whose encoder is only asked what it would have to read."""

    def __init__(self) -> None:
        self.encoder = Encoder.load()
        self._asked = list[str]()
        self._judge = Guard(Policy.load(), self._scores)

    async def _scores(self, texts: Sequence[str]) -> list[Scores]:
        self._asked[:] = texts
        return [Scores(0.0, 1.0, 0.0, 0.0, 0.0)] * len(texts)

    def costs(self, name: str, text: str, stage: Stage, context: Context) -> Figures:
        """Of one check: seconds of rules, windows and tokens of the encoder."""
        with asyncio.Runner() as runner:
            settle = runner.get_loop().run_until_complete  # Runner.run would take over signals each time
            rules_s = median_cpu_s(lambda: settle(self._judge.check(text, stage, context)))
        windows = {window for text in self._asked for window in self.encoder.windows(text)}
        return {f"rules_{name}_s": rules_s, f"windows_{name}": len(windows), f"tokens_{name}": sum(map(len, windows))}


def knowledge(packs: Path) -> Figures:
    """A question to the newest pack, and the guard's look at what it answers by itself; nothing without a pack."""
    from deployments.knowledge.consultation import consult
    from deployments.knowledge.shelf import Shelf

    shelf = Shelf(packs)
    shelf.follow()
    current = shelf.current
    if current is None:
        return {}
    seconds = [median_cpu_s(partial(consult, current, asked), 5) for asked in QUESTIONS]
    look, looks = _Look(), list[Figures]()
    for asked in chain.from_iterable(LOAD.values()):
        if (said := consult(current, asked)).outcome:
            looks.append(look.costs("graph", said.text, Stage.WINDOW, Context(request=asked, system=SYSTEM)))
    of_graph = {name: statistics.fmean(each[name] for each in looks) for name in looks[0]} if looks else {}
    return {"consult_s": statistics.fmean(seconds)} | of_graph


def log(sizes: Sequence[int] = (1, 16, 64, 256), seconds: float = 0.8) -> Figures:
    """Seconds of a commit by the number of its records, of the deployed writer while it packs: so many clients append a
    record each and wait. A line through the best of three each, since others on the machine only make it longer."""
    entries = (_entry(Kind.window, n, 0, {"n": 0} | ALLOWED, WINDOW) for n in count())
    with tempfile.TemporaryDirectory() as folder:
        opened = Home.begin(Path(folder)).open()
        receipts(opened.append(list(islice(entries, 64))))
        commits = [min(asyncio.run(_commit_s(opened, entries, size, seconds)) for _ in range(3)) for size in sizes]
        tail_s = median_cpu_s(lambda: opened.tail(opened.size))
    commit_s, record_s = line(sizes, commits)
    return {"commit_s": commit_s, "record_s": record_s, "tail_s": tail_s} | log_bytes()


async def _commit_s(opened: Log, entries: Iterator[Entry], clients: int, seconds: float) -> float:
    async with writing(opened, 0.0) as writer:
        latencies, took = await closed_loop(writer.append, entries, clients, seconds)
    return clients * took / len(latencies)


def log_bytes(exchanges: int = 64, few: int = 2, many: int = 10) -> Figures:
    """Bytes on disk of an exchange by the number of its windows, in commits of 64 records."""
    least, most = (_exchange_bytes(exchanges, windows) for windows in (few, many))
    window = (most - least) / (many - few)
    return {"request_bytes": least - few * window, "window_bytes": window}


def _exchange_bytes(exchanges: int, windows: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        home = Home.begin(Path(folder))
        opened, before = home.open(), _size(home)
        every = (entry for number in range(exchanges) for entry in exchange(number, windows))
        for batch in batches(every, 64):
            receipts(opened.append(batch))
        return (_size(home) - before) / exchanges


def exchange(number: int, windows: int) -> list[Entry]:
    """The records of one question and its answer."""
    said = json.dumps({"messages": [{"role": "user", "content": QUESTIONS[number % len(QUESTIONS)]}]})
    checks = {"checks": [{"check": "rules", "action": "ALLOW", "category": None, "score_ppm": 0}] * 6}
    about = {"client_request_id": None, "stream": True, "role": "learner", "deadline_us": LATER_US,
             "params": {"max_tokens": 256, "temperature_ppm": 0, "top_p_ppm": 900_000, "seed": None}}  # fmt: skip
    usage = {"finish_reason": "stop", "windows": windows, "usage": {"prompt_tokens": 5, "completion_tokens": 7}}
    first = _entry(Kind.request, number, 0, ALLOWED | DIGESTS | checks | about, said)
    texts = islice((f"{n} {number} {WINDOW}" for n in count()), windows)
    middle = [_entry(Kind.window, number, n + 1, {"n": n} | ALLOWED, text) for n, text in enumerate(texts)]
    return [first, *middle, _entry(Kind.answer, number, windows + 1, usage | ALLOWED, WINDOW * windows)]


def _entry(kind: Kind, number: int, seq: int, fields: dict[str, object], text: str) -> Entry:
    return Entry(kind, request_id(number), seq, TENANT, f"learner-{number % 64}", fields, text)


def _size(home: Home) -> int:
    return sum(path.stat().st_size for path in home.log_folder.rglob("*.parquet"))


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Least squares, neither below zero: where it begins, and how steep it is."""
    slope, start = statistics.linear_regression(x, y)
    if start < 0:
        return 0.0, sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)
    return (start, slope) if slope > 0 else (statistics.fmean(y), 0.0)
