"""What each step of a question's life costs, out of one file that says of every figure where it was measured."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from deployments.coalescing import COALESCE_S

FILE = Path(__file__).with_suffix(".json")
HOPS, ENGINES = ("haproxy", "default"), ("embedded", "gpu_8b")


@dataclass(frozen=True, slots=True)
class HopCosts:
    """Between processes: seconds of CPU, and `wait_s` in which nobody computes."""

    request_s: float  # a request, in proxy and ingress
    chunk_s: float  # a chunk of a response, in proxy and ingress
    call_s: float  # a call between two replicas, both ends
    piece_s: float  # a piece of a stream between two replicas, both ends
    wait_s: float  # beside it, for a call's way there and back
    proxy_share: float  # of request and chunk that the proxy takes; the ingress has the rest


@dataclass(frozen=True, slots=True)
class EngineCosts:
    """A replica of the Model: a step takes `step_s`, more for each answer under way and each prompt token in it."""

    step_s: float
    sequence_s: float
    prompt_s: float
    chunk: int  # prompt tokens of a step at most, of as many prompts as there is room for
    slots: int  # answers at a time, max_ongoing_requests
    cores: float
    gpus: float

    def seconds(self, batch: int, prompt: int) -> float:
        """One step."""
        return self.step_s + self.sequence_s * batch + self.prompt_s * prompt


@dataclass(frozen=True, slots=True)
class CheckCosts:
    """One look of the guard: seconds in the Gateway, windows of the encoder, and all tokens in them."""

    rules_s: float
    windows: float
    tokens: float

    def times(self, length: float) -> "CheckCosts":
        """The same of a text so many times as long."""
        return CheckCosts(self.rules_s * length, self.windows * length, self.tokens * length)


@dataclass(frozen=True, slots=True)
class StepCosts:
    """Seconds of CPU unless said otherwise; `windows_*` are windows of the encoder that one check reads, `tokens_*`
    all tokens in them."""

    admit_s: float  # key, JSON, tokens, the request's record
    window_s: float  # cut, record, event
    close_s: float  # the answer's record, its receipt
    rules_prompt_s: float
    rules_window_s: float
    rules_answer_s: float
    rules_graph_s: float  # of an answer that the knowledge base gives
    encoder_s: float  # one window of the encoder, and beside it for each of its tokens
    token_s: float
    windows_prompt: float
    windows_window: float
    windows_answer: float
    windows_graph: float
    tokens_prompt: float
    tokens_window: float
    tokens_answer: float
    tokens_graph: float
    consult_s: float  # a question to the knowledge base
    commit_s: float  # of the log, and beside it for each record
    record_s: float
    carry_s: float  # more for each record that comes over a hop
    tail_s: float  # the control log asked for news
    request_bytes: float  # in the log: request and answer records of an exchange
    window_bytes: float  # and each window's

    def check(self, stage: str) -> CheckCosts:
        """Of a prompt, a window, a whole answer, or an answer of the graph."""
        names = (f"rules_{stage}_s", f"windows_{stage}", f"tokens_{stage}")
        return CheckCosts(*(getattr(self, name) for name in names))


@dataclass(frozen=True, slots=True)
class Costs:
    """All of it, with the kind of hop and of engine chosen."""

    steps: StepCosts
    hops: HopCosts
    engine: EngineCosts

    @classmethod
    def of(cls, told: Mapping[str, Any], hops: str = "haproxy", engine: str = "embedded") -> Self:
        """Out of the file's object. Raises KeyError or TypeError where a figure is missing."""
        return cls(
            _read(StepCosts, told["steps"]),
            _read(HopCosts, told["hops"][hops]),
            _read(EngineCosts, told["engines"][engine]),
        )

    @classmethod
    def load(cls, path: Path = FILE, hops: str = "haproxy", engine: str = "embedded") -> Self:
        """Read a file of costs."""
        return cls.of(json.loads(path.read_text()), hops, engine)


def _read(shape: Any, told: Mapping[str, Mapping[str, Any]]) -> Any:
    made = {each.name: told[each.name]["value"] for each in fields(shape)}
    return shape(**made)


@dataclass(frozen=True, slots=True)
class Workload:
    """What people ask. Means and sigmas are of lognormal distributions; the shares of `mix` add up to 1.

    All but `window` and `graph_sigma` are assumptions, no measurements; the command line changes what matters most.
    """

    think_s: float = 60.0  # between an answer and the next question
    think_sigma: float = 1.0
    tokens: float = 180.0  # of an answer by the model
    tokens_sigma: float = 0.5
    most_tokens: int = 256
    prompt: float = 350.0  # tokens that the model reads
    prompt_sigma: float = 0.5
    window: float = 14.0  # tokens of a window: measured under load, a sentence of the embedded model
    window_sigma: float = 0.5
    graph_sigma: float = 1.0  # of how long an answer of the graph is: those that tests.bench.load gets
    mix: tuple[tuple[str, float], ...] = (
        ("records", 0.35),  # the model, after records; the answer begins with a quotation
        ("model", 0.30),  # the model alone
        ("graph", 0.25),  # the knowledge base alone
        ("lesson", 0.05),
        ("refusal", 0.05),
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """The graph's own numbers, as deployments/ and app.settings have them."""

    streams: int = 32
    queue: int = 64
    queue_wait_s: float = 30.0
    open_requests: int = 192
    interval_s: float = 0.020  # commit_interval_ms
    full: int = 64  # records that begin a commit at once
    coalesce_s: float = COALESCE_S


@dataclass(frozen=True, slots=True)
class Size:
    """How many replicas there are of each kind, in one cell: a graph with logs of its own."""

    gateways: int = 1
    guards: int = 1
    libraries: int = 1
    models: int = 1
    logs: int = 1
    proxies: int = 1
