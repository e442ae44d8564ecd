"""The routes as one table: who may use them, what they take, what they answer, and each status they can give."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.routing import compile_path

from app.auditing.reports import TYPES
from app.auditing.routes import Sql
from app.auth import Role
from app.contract import audited, proven, recorded, replies
from app.contract.bodies import Records
from app.provenance import SearchedText
from app.records import AcceptTerms, Appeal, PassLesson
from app.reviewing.findings import Finding
from app.reviewing.reviews import Decided, Labelled, Looked
from app.signin import SignIn
from app.wire import ChatRequest

EVERYBODY = tuple(Role)
REVIEWERS = (Role.REVIEWER, Role.ADMIN)
FINDERS = (Role.REDTEAM, Role.ADMIN)
AUDITORS = (Role.AUDITOR, Role.ADMIN)

OPEN = (503,)  # any route but /healthz may be refused by a full Gateway
KEYED = (400, 401, 403, 429, 431, 503)  # 403: a session's cookie from elsewhere
READ = (*KEYED, 408, 413)
"""Routes that read what body there is."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path. Without `roles` it takes no key; `body` None means that none is looked at, `answer` None
    that there is none. `elsewhere`: pages of the origins that the settings name may call it, with a key (app/cors.py).
    `files`: media types of the file that is the answer.
    """

    method: str
    path: str
    answer: type[BaseModel] | None
    roles: Sequence[Role] = ()
    refusals: Sequence[int] = ()
    body: type[BaseModel] | None = None
    status: int = 200
    streams: bool = False
    body_required: bool = True
    files: Sequence[str] = ()
    elsewhere: bool = False


ROUTES = (
    Route("POST", "/v1/chat/completions", replies.Completion, EVERYBODY, (*READ, 404), ChatRequest,
          streams=True, elsewhere=True),
    Route("GET", "/v1/models", replies.Models, EVERYBODY, KEYED),
    Route("GET", "/v1/models/{name}", replies.Model, EVERYBODY, (*KEYED, 404)),
    Route("GET", "/v1/terms", recorded.TermsReply, (), OPEN, elsewhere=True),
    Route("POST", "/v1/terms", recorded.Accepted, EVERYBODY, READ, AcceptTerms, elsewhere=True),
    Route("GET", "/v1/lessons/{lesson_id}", replies.LessonReply, (), (*OPEN, 404)),
    Route("POST", "/v1/lessons/{lesson_id}/pass", recorded.Passed, EVERYBODY, (*READ, 404), PassLesson,
          elsewhere=True),
    Route("GET", "/v1/receipts/{request_id}", recorded.Receipts, EVERYBODY, (*READ, 404), elsewhere=True),
    Route("GET", "/v1/knowledge", replies.Knowledge, EVERYBODY, KEYED),
    Route("POST", "/v1/appeals", recorded.Appealed, EVERYBODY, (*READ, 404), Appeal, status=202, elsewhere=True),
    Route("POST", "/v1/findings", recorded.Marked, FINDERS, (*READ, 404), Finding, status=201),
    Route("POST", "/v1/audit/records", recorded.Results, FINDERS, READ, Records),
    Route("GET", "/v1/audit/checkpoints", recorded.Checkpoints, EVERYBODY, READ),
    Route("GET", "/v1/audit/keys", proven.LogKeys, EVERYBODY, KEYED, elsewhere=True),
    Route("GET", "/v1/audit/status", audited.Status, AUDITORS, READ),
    Route("GET", "/v1/audit/alerts", audited.Alerts, AUDITORS, READ),
    Route("GET", "/v1/audit/events", audited.Events, AUDITORS, READ),
    Route("POST", "/v1/audit/query", audited.TableReply, AUDITORS, READ, Sql),
    Route("GET", "/v1/audit/views", audited.Views, AUDITORS, READ),
    Route("GET", "/v1/audit/trends", audited.Trends, AUDITORS, READ),
    Route("GET", "/v1/audit/lineage", audited.Lineage, AUDITORS, READ),
    Route("GET", "/v1/audit/reports", audited.Reports, AUDITORS, READ),
    Route("GET", "/v1/audit/reports/{name}", None, AUDITORS, (*READ, 404), files=tuple(TYPES.values())),
    Route("POST", "/v1/verify", proven.Matches, EVERYBODY, READ, SearchedText),
    Route("GET", "/v1/review", recorded.Queue, REVIEWERS, READ),
    Route("GET", "/v1/review/agreement", recorded.Agreement, (*REVIEWERS, Role.AUDITOR), READ),
    Route("GET", "/v1/review/{about}", recorded.Item, REVIEWERS, (*READ, 404)),
    Route("GET", "/v1/review/{about}/similar", recorded.Precedents, REVIEWERS, (*READ, 404)),
    Route("POST", "/v1/review/{about}/text", recorded.Texts, REVIEWERS, (*READ, 404, 409), Looked,
          body_required=False),
    Route("POST", "/v1/review/{about}/claim", recorded.Claimed, REVIEWERS, (*READ, 404, 409)),
    Route("POST", "/v1/review/{about}/release", recorded.Told, REVIEWERS, (*READ, 404, 409)),
    Route("POST", "/v1/review/{about}/label", recorded.Told, REVIEWERS, (*READ, 404, 409), Labelled),
    Route("POST", "/v1/review/{about}/decide", recorded.Told, REVIEWERS, (*READ, 404, 409), Decided),
    Route("POST", "/session", None, (), READ, SignIn, status=204),
    Route("DELETE", "/session", None, (), (*OPEN, 400, 403, 431), status=204),
    Route("GET", "/session", replies.Session, EVERYBODY, KEYED, elsewhere=True),
    Route("GET", "/session/ways", replies.Ways, (), OPEN),
    Route("GET", "/session/oidc", None, (), (*OPEN, 400, 403, 404, 431), status=302),
    Route("GET", "/session/oidc/callback", None, (), (*OPEN, 400, 431), status=303),
    Route("GET", "/healthz", replies.Health),
    Route("GET", "/readyz", replies.Readiness, (), OPEN),
)  # fmt: skip


PAGES = {
    "/": ("GET", "HEAD"),
    "/assets/{name}": ("GET", "HEAD"),
    "/embed/{name}": ("GET", "HEAD"),
    "/docs": ("GET",),
    "/openapi.json": ("GET", "HEAD"),
}
"""The web page, the chat for other pages, and what tells of the routes; open to everybody."""


def elsewhere() -> list[tuple[str, str]]:
    """Paths and methods that pages of the named origins may use: the chat's script, and what it calls."""
    script = "/embed/{name}"
    called = [(route.path, route.method) for route in ROUTES if route.elsewhere]
    return [(script, method) for method in PAGES[script]] + called


def methods_of(path: str) -> list[str]:
    """What a path offers, for the Allow field; Starlette would name its first route alone."""
    found = {route.method for route in ROUTES if _fits(route.path, path)}
    return sorted(found.union(*(methods for shape, methods in PAGES.items() if _fits(shape, path))))


def _fits(shape: str, path: str) -> bool:
    return compile_path(shape)[0].match(path) is not None
