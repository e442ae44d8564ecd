"""Every metric of the graph in one table: name, kind, unit, labels with all their values, what it says.

Ray exports each as `ray_<name>`, a counter with `_total` behind it, and adds the labels deployment, replica and
application. It makes a histogram's _sum of the middles of its buckets, so no query may rest on one. No label tells a
subject or a tenant, and none can hold text: their values are the ones listed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OTHER = "other"  # stands for every value that its label does not list


class Kind(StrEnum):
    """Prometheus' kinds."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Series:
    """One row. `bounds` are a histogram's; a gauge may `begin` at a number of its own."""

    name: str
    kind: Kind
    help: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()
    begin: float | None = 0.0

    @property
    def exported(self) -> str:
        """Its name in Prometheus; a histogram's has _bucket, _sum and _count behind it."""
        return f"ray_{self.name}" + ("_total" if self.kind is Kind.COUNTER else "")


ANSWERED, TAUGHT, REFUSED, STOPPED = "answered", "taught", "refused", "stopped"
DECLINED, FAULTED, INTERRUPTED = "declined", "fault", "interrupted"
OUTCOMES = (ANSWERED, TAUGHT, REFUSED, STOPPED, DECLINED, FAULTED, INTERRUPTED)
NO_CATEGORY = "none"
CATEGORIES = ("dual_use", "harmful_operational", "other_harm", "override", "crescendo", "unreadable", "exploit_payload",
              "secret", "personal_data", "canary", "system_prompt", NO_CATEGORY, OTHER)  # fmt: skip
CAUSES = ("guard_unavailable", "model_unavailable", "log_unavailable", "control_log_stale", "deadline_exceeded",
          "identity_unavailable", "limits_unavailable", "overloaded", "service_unavailable", "internal_error",
          "log_unproven", "report_too_long", "client_gone", OTHER)  # fmt: skip
CODES = (
    *("expired_api_key", "invalid_api_key", "revoked_api_key"),
    *("rate_limit_exceeded", "request_too_large", "request_timeout", "context_length_exceeded", "invalid_value"),
    *("headers_too_large", "header_not_allowed", "unsupported_parameter", "method_not_allowed"),
    *("content_filter", "terms_not_accepted", "not_allowed", "role_not_allowed", "tenant_not_allowed", "not_found"),
    *CAUSES,
)

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COUNTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)

QUESTIONS = Series("preceptor_questions", Kind.COUNTER, "Questions that ended, by how", {"outcome": OUTCOMES})
VERDICTS = Series(
    "preceptor_verdicts", Kind.COUNTER, "The guard's last word on an exchange",
    {"action": ("ALLOW", "REDACT", "TEACH", "REFUSE", OTHER), "category": CATEGORIES},
)  # fmt: skip
FAULTS = Series("preceptor_faults", Kind.COUNTER, "Questions that a fault of ours ended", {"cause": CAUSES})
ERRORS = Series("preceptor_errors", Kind.COUNTER, "Error responses of all routes, by OpenAI code", {"code": CODES})
QUESTION_SECONDS = Series(
    "preceptor_question_seconds", Kind.HISTOGRAM, "Seconds from admission to the end of the answer",
    {"outcome": OUTCOMES}, _SECONDS,
)  # fmt: skip
FIRST_WINDOW_SECONDS = Series(
    "preceptor_first_window_seconds", Kind.HISTOGRAM, "Seconds from admission to the first text that may leave",
    bounds=_SECONDS,
)  # fmt: skip
WINDOWS = Series("preceptor_windows", Kind.COUNTER, "Windows of text that were released to clients")
TOKENS = Series("preceptor_tokens", Kind.COUNTER, "Tokens of answered questions", {"kind": ("prompt", "completion")})
QUESTIONS_OPEN = Series("preceptor_questions_open", Kind.GAUGE, "Questions that are being answered now")
QUEUE_WAITING = Series("preceptor_queue_waiting", Kind.GAUGE, "Questions that wait for a stream of the model")
QUEUE_SECONDS = Series(
    "preceptor_queue_seconds", Kind.HISTOGRAM, "Seconds that a question waited for a stream of the model",
    bounds=_SECONDS,
)  # fmt: skip
LESSONS_PASSED = Series("preceptor_lessons_passed", Kind.COUNTER, "Lessons that were passed, on record")
CONTROL_AGE = Series(
    "preceptor_control_view_age_seconds", Kind.GAUGE, "Seconds since the control log was read; at 10 all is refused",
    begin=None,
)  # fmt: skip

GUARD_SECONDS = Series(
    "preceptor_guard_seconds", Kind.HISTOGRAM, "Seconds to score one call, its wait in the queue included",
    bounds=_SHORT,
)  # fmt: skip
GUARD_TEXTS = Series("preceptor_guard_texts", Kind.HISTOGRAM, "Texts of one call", bounds=_COUNTS)
GUARD_OPEN = Series("preceptor_guard_calls_open", Kind.GAUGE, "Calls that wait for their scores now")
GUARD_ERRORS = Series("preceptor_guard_errors", Kind.COUNTER, "Calls that got no scores")

MODEL_STREAMS = Series("preceptor_model_streams_open", Kind.GAUGE, "Answers that are being generated now")
MODEL_FIRST = Series(
    "preceptor_model_first_token_seconds", Kind.HISTOGRAM, "Seconds to the first token", bounds=_SECONDS
)
MODEL_TOKENS = Series("preceptor_model_tokens", Kind.COUNTER, "Tokens generated, of cut answers too")
MODEL_READY = Series(
    "preceptor_model_ready", Kind.GAUGE, "1 while the promoted model is the one served, else 0", begin=None
)

CONSULT_SECONDS = Series(
    "preceptor_knowledge_seconds", Kind.HISTOGRAM, "Seconds in which the knowledge base was consulted", bounds=_SHORT
)
CONSULTATIONS = Series(
    "preceptor_knowledge_consultations", Kind.COUNTER, "Questions that the knowledge base was asked, by what it said",
    {"outcome": ("known", "empty", "withdrawn", "unknown", "records", "nothing")},
)  # fmt: skip
KNOWLEDGE_PACK = Series("preceptor_knowledge_ready", Kind.GAUGE, "1 while a knowledge pack is read, else 0", begin=None)

COMMIT_SECONDS = Series("preceptor_log_commit_seconds", Kind.HISTOGRAM, "Seconds of one durable commit", bounds=_SHORT)
COMMIT_RECORDS = Series("preceptor_log_commit_records", Kind.HISTOGRAM, "Records of one commit", bounds=_COUNTS)
LOG_RECORDS = Series("preceptor_log_records", Kind.COUNTER, "Records that were given to commits")
COMMIT_FAILURES = Series("preceptor_log_commit_failures", Kind.COUNTER, "Commits that failed whole")
LOG_WAITING = Series("preceptor_log_waiting_records", Kind.GAUGE, "Records that wait for the next commit")
LOG_FILES = Series("preceptor_log_loose_files", Kind.GAUGE, "Segments that are not yet packed", begin=None)
CHECKPOINT = Series(
    "preceptor_log_checkpoint_timestamp_seconds", Kind.GAUGE, "When the newest signed head was made, Unix time",
    begin=None,
)  # fmt: skip

GATEWAY = (QUESTIONS, VERDICTS, FAULTS, ERRORS, QUESTION_SECONDS, FIRST_WINDOW_SECONDS, WINDOWS, TOKENS, QUESTIONS_OPEN,
           QUEUE_WAITING, QUEUE_SECONDS, LESSONS_PASSED, CONTROL_AGE)  # fmt: skip
GUARD = (GUARD_SECONDS, GUARD_TEXTS, GUARD_OPEN, GUARD_ERRORS)
MODEL = (MODEL_STREAMS, MODEL_FIRST, MODEL_TOKENS, MODEL_READY)
KNOWLEDGE = (CONSULT_SECONDS, CONSULTATIONS, KNOWLEDGE_PACK)
LOG = (COMMIT_SECONDS, COMMIT_RECORDS, LOG_RECORDS, COMMIT_FAILURES, LOG_WAITING, LOG_FILES, CHECKPOINT)
TABLE = {"Gateway": GATEWAY, "Guard": GUARD, "Model": MODEL, "Knowledge": KNOWLEDGE, "AuditLog": LOG}
