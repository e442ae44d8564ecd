"""An answer as metrics and trace see it: how long, what came of it, how much. The events pass through unchanged."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from app.errors import Fault, PreceptorError, Refused
from app.generation import Closing, Event
from deployments import metrics, tracing
from deployments.meter import Meter
from guards.verdict import Action


async def measured(request_id: str, events: AsyncGenerator[Event], meter: Meter) -> AsyncGenerator[Event]:
    """Deliver `events`; whatever they raise passes, and so does a client that goes away."""
    began, windows, outcome = time.monotonic(), 0, metrics.INTERRUPTED
    span = tracing.begin_question(request_id)
    try:
        with meter.running(metrics.QUESTIONS_OPEN):
            async with aclosing(events) as given:
                async for event in given:
                    if isinstance(event, Closing):
                        outcome = _closed(event, meter)
                    else:
                        windows += _released(began, windows, meter)
                    yield event
    except Exception as error:
        outcome = _ended(error, meter)
        raise
    finally:
        meter.count(metrics.QUESTIONS, outcome=outcome)
        meter.measure(metrics.QUESTION_SECONDS, time.monotonic() - began, outcome=outcome)
        span.set_attributes({"preceptor.outcome": outcome, "preceptor.windows": windows})
        span.end()


def _released(began: float, windows: int, meter: Meter) -> int:
    if not windows:
        meter.measure(metrics.FIRST_WINDOW_SECONDS, time.monotonic() - began)
    meter.count(metrics.WINDOWS)
    return 1


def _closed(event: Closing, meter: Meter) -> str:
    """Count a verdict and tokens; how the question ended."""
    _judged(event.preceptor, meter)
    meter.count(metrics.TOKENS, event.usage["prompt_tokens"], kind="prompt")
    meter.count(metrics.TOKENS, event.usage["completion_tokens"], kind="completion")
    if event.finish_reason == "content_filter":
        return metrics.STOPPED
    return metrics.TAUGHT if event.preceptor["action"] == Action.TEACH else metrics.ANSWERED


def _ended(error: Exception, meter: Meter) -> str:
    if isinstance(error, Refused):
        _judged(error.preceptor or {}, meter)
        return metrics.REFUSED
    if isinstance(error, PreceptorError) and not isinstance(error, Fault):
        return metrics.DECLINED
    meter.count(metrics.FAULTS, cause=error.code if isinstance(error, Fault) else "internal_error")
    return metrics.FAULTED


def _judged(about: dict[str, Any], meter: Meter) -> None:
    category = (about.get("verdict") or {}).get("category") or metrics.NO_CATEGORY
    meter.count(metrics.VERDICTS, action=about.get("action", metrics.OTHER), category=category)
