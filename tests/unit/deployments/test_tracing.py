"""Spans join across processes by what a call carries, hold counts and ids alone, and go only where they are told to."""

import re
import subprocess
import sys
from pathlib import Path

from tests.collector import Collector

ROOT = Path(__file__).parents[3]

SCRIPT = """
import asyncio, sys
from opentelemetry import trace
from deployments import tracing

async def other_process(carrier):
    with tracing.span("score", carrier, texts=2):
        await asyncio.sleep(0)
    with tracing.shared("commit", [carrier], records=3):
        pass

async def question():
    first = tracing.begin_question("id-1")
    try:
        with tracing.span("check", stage="prompt"):
            with trace.get_tracer("guardrails-ai").start_as_current_span("a validator's") as strange:
                strange.set_attribute("input", "HARMWORD")
            carrier = tracing.carrier()
            raise RuntimeError("the prompt was HARMWORD")
    except RuntimeError:
        pass
    # in no context of ours, as Serve's other processes are
    await asyncio.get_running_loop().create_task(other_process(carrier), context=__import__("contextvars").Context())
    first.end()
    print(len(carrier))

tracing.start(sys.argv[1] if len(sys.argv) > 1 else None, "test")
asyncio.run(question())
"""


def run(*endpoint: str, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *endpoint], cwd=ROOT, env={"PATH": "", **env}, text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_spans_of_two_contexts_are_one_trace_with_the_request_id_and_no_text() -> None:
    with Collector() as collector:
        run(collector.url)
    spans = {span.name: span for span in collector.spans}
    assert set(spans) == {"question", "check", "score", "commit"}
    assert {span.trace for span in spans.values()} == {spans["question"].trace}
    assert spans["check"].parent == spans["question"].id
    assert spans["score"].parent == spans["commit"].parent == spans["check"].id
    assert {span.attributes["preceptor.request_id"] for span in spans.values()} == {"id-1"}
    assert spans["commit"].attributes["preceptor.records"] == 3
    assert {span.part for span in spans.values()} == {"test"}
    assert b"HARMWORD" not in collector.received


def test_without_an_endpoint_nothing_is_traced_sent_or_carried() -> None:
    with Collector() as collector:
        done = run(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url.removesuffix("/v1/traces"))
    assert done.stdout.strip() == "0"
    assert collector.received == b""


def test_what_is_not_sampled_is_neither_sent_nor_carried() -> None:
    with Collector() as collector:
        done = run(collector.url, OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="0")
    assert done.stdout.strip() == "0"
    assert collector.spans == []


def test_the_page_lists_exactly_the_spans_of_the_code() -> None:
    sources = [path.read_text() for part in ("app", "deployments") for path in (ROOT / part).rglob("*.py")]
    made = {name for text in sources for name in re.findall(r"tracing\.(?:span|begin|shared)\(\"(\w+)\"", text)}
    section = (ROOT / "docs" / "metrics.md").read_text().partition("\n## Traces\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == made | {"question"}
