"""The first start: keys, the embedded model, and a log that begins with what is served and under which rules."""

from collections.abc import Callable, Mapping

from uuid_utils import uuid7

from app.auth import TokenKey
from app.settings import Settings
from app.terms import Terms
from audit.init import begin
from audit.record import Entry, Kind
from deployments import embedded
from deployments.embedded import ModelFolder
from guards.encoder import Encoder
from guards.policy import Policy


def prepare(settings: Settings, say: Callable[[str], None]) -> None:
    """Make everything the graph needs; what is there is left alone, so a second start is quick."""
    TokenKey.create(settings.keys)
    folder = embedded.prepare(settings.models, say)
    if not settings.audit.exists():
        say("beginning the log")
        begin(settings.audit, settings.keys, "preceptor", settings.exchange_logs, founding_records(folder))


def founding_records(folder: ModelFolder) -> list[Entry]:
    """The embedded model's promotion, and the policy in force."""
    promotion = {
        "name": folder.name,
        "model_digest": folder.digest,
        "base": folder.name,
        "adapter_digest": None,
        "weights": folder.files,
    }
    policy = {
        "policy_digest": Policy.load().digest,
        "guard_digest": Encoder.load().digest,
        "terms_digest": Terms.load().digest,
    }
    return [_operational(Kind.promotion, promotion), _operational(Kind.policy, policy)]


def _operational(kind: Kind, fields: Mapping[str, object]) -> Entry:
    return Entry(kind, str(uuid7()), 0, "preceptor", "operator", fields, actor="operator")
