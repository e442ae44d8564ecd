"""OpenTelemetry traces across the graph. Off, and free of cost and calls, unless an OTLP endpoint is set.

Serve's own tracing is not used: it takes a client's `traceparent` as the parent, so that strangers would decide what is
sampled, and it ends where entries of many requests travel to the log in one call. Here the context travels as an
argument of a call. Attributes are ids, counts and names of ours; no text of a client or a model is ever one.
Sampling is the SDK's: OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG; headers and certificates of the exporter too.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import baggage, context, propagate, trace
from opentelemetry.trace import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

SCOPE = "preceptor"
REQUEST_ID = "preceptor.request_id"
Carrier = Mapping[str, str]


def start(endpoint: str | None, part: str) -> None:
    """Export this process's spans to `endpoint` (OTLP over HTTP, e.g. http://collector:4318/v1/traces); None: never.

    What a slow or dead collector does not take is dropped after a bounded queue; no answer waits for it.
    """
    if endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    class Ours(BatchSpanProcessor):
        """Others' spans may hold a text: FastAPI's the path that a client chose, guardrails' what it is to judge."""

        def on_end(self, span: "ReadableSpan") -> None:
            if span.instrumentation_scope and span.instrumentation_scope.name == SCOPE:
                super().on_end(span)

    provider = TracerProvider(resource=Resource.create({"service.name": "preceptor", "preceptor.part": part}))
    provider.add_span_processor(Ours(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)


def begin(name: str, carrier: Carrier | None = None, **numbers: str | int) -> Span:
    """A span that its caller ends; for generators, which may be closed in another context. Child of `carrier`."""
    around = propagate.extract(carrier) if carrier else context.get_current()
    span = trace.get_tracer(SCOPE).start_span(name, around)
    if span.is_recording():
        request_id = baggage.get_baggage(REQUEST_ID, around)
        about = {f"preceptor.{name}": number for name, number in numbers.items()}
        span.set_attributes(about | ({REQUEST_ID: str(request_id)} if request_id else {}))
    return span


def begin_question(request_id: str) -> Span:
    """The first span of a trace; what its task calls from here on belongs to it.

    It is never detached: a request has a task of its own, and the answer's generator may end in another one.
    """
    here = baggage.set_baggage(REQUEST_ID, request_id, context.Context())
    context.attach(here)
    span = begin("question")
    context.attach(trace.set_span_in_context(span, here))
    return span


@contextmanager
def span(name: str, carrier: Carrier | None = None, **numbers: str | int) -> Iterator[Span]:
    """A span around a block, for which it is the parent of whatever the block begins."""
    begun = begin(name, carrier, **numbers)
    # What was raised may quote a text, so neither its message nor its stack goes into the span.
    with trace.use_span(begun, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        yield begun


@contextmanager
def shared(name: str, carriers: Sequence[Carrier], **numbers: str | int) -> Iterator[None]:
    """The same work for several requests: one span in each of their traces."""
    spans = [begin(name, carrier, **numbers) for carrier in carriers]
    try:
        yield
    finally:
        for each in spans:
            each.end()


def carrier() -> dict[str, str]:
    """What another process needs to join this trace; empty where nothing is traced."""
    if not trace.get_current_span().get_span_context().trace_flags.sampled:
        return {}
    found: dict[str, str] = {}
    propagate.inject(found)
    return found
