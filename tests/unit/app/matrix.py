"""Who may do what: a row for each route, a column for each kind of caller, the status that comes.

`ada` asked a question that the guard refused, and it is her request that the others try. What is marked `own` is
tried on a request of the caller's instead. Whoever has a key has accepted the terms. At the desk nobody holds the
item's lease, so 409 means: may, but has to claim it first.
"""

from dataclasses import dataclass

from app.auth import OPERATOR, Role

HOME, ELSEWHERE = "school", "bank"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a key, or with none of ours where `role` is None."""

    name: str
    role: Role | None = None
    tenant: str = HOME


CALLERS = (
    Caller("nobody"), Caller("garbage"), Caller("ada", Role.LEARNER),
    *(Caller(f"home-{role}", role) for role in Role),
    *(Caller(f"elsewhere-{role}", role, ELSEWHERE) for role in Role),
    Caller("operator-auditor", Role.AUDITOR, OPERATOR), Caller("operator-admin", Role.ADMIN, OPERATOR),
)  # fmt: skip

TABLE = """
                                          none junk  ada | lea rev aud adm red | lea rev aud adm red | aud adm
POST /v1/chat/completions                 401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /v1/models                           401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /v1/models/{name}                    401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /v1/terms                            200  200   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
POST /v1/terms                            401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /v1/lessons/{lesson_id}              200  200   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
POST /v1/lessons/{lesson_id}/pass         401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /v1/knowledge                        401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /v1/receipts/{request_id}            401  401   200 | 404 404 200 200 404 | 404 404 404 404 404 | 200 200
GET  /v1/receipts/{request_id}     own    401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
POST /v1/appeals                          401  401   202 | 404 404 404 404 404 | 404 404 404 404 404 | 404 404
POST /v1/appeals                   own    401  401   202 | 202 202 202 202 202 | 202 202 202 202 202 | 202 202
POST /v1/findings                         401  401   403 | 403 403 403 404 404 | 403 403 403 404 404 | 403 404
POST /v1/findings                  own    401  401   403 | 403 403 403 201 201 | 403 403 403 201 201 | 403 201
POST /v1/audit/records             grant  401  401   403 | 403 403 403 200 403 | 403 403 403 403 403 | 403 200
POST /v1/audit/records             model  401  401   403 | 403 403 403 403 403 | 403 403 403 403 403 | 403 200
POST /v1/audit/records             found  401  401   403 | 403 403 403 200 200 | 403 403 403 200 200 | 403 200
POST /v1/audit/records             review 401  401   403 | 403 403 403 403 403 | 403 403 403 403 403 | 403 403
GET  /v1/audit/checkpoints                401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /v1/audit/keys                       401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /v1/audit/status                     401  401   403 | 403 403 200 200 403 | 403 403 200 200 403 | 200 200
GET  /v1/audit/alerts                     401  401   403 | 403 403 200 200 403 | 403 403 200 200 403 | 200 200
GET  /v1/audit/events                     401  401   403 | 403 403 200 200 403 | 403 403 200 200 403 | 200 200
GET  /v1/audit/views                      401  401   403 | 403 403 200 200 403 | 403 403 200 200 403 | 200 200
GET  /v1/audit/trends                     401  401   403 | 403 403 200 200 403 | 403 403 200 200 403 | 200 200
GET  /v1/audit/lineage                    401  401   403 | 403 403 200 200 403 | 403 403 200 200 403 | 200 200
GET  /v1/audit/reports                    401  401   403 | 403 403 200 200 403 | 403 403 200 200 403 | 200 200
POST /v1/audit/query                      401  401   403 | 403 403 403 403 403 | 403 403 403 403 403 | 200 200
GET  /v1/audit/reports/{name}             401  401   403 | 403 403 403 403 403 | 403 403 403 403 403 | 404 404
POST /v1/verify                           401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /v1/review                           401  401   403 | 403 200 403 200 403 | 403 200 403 200 403 | 403 200
GET  /v1/review/agreement                 401  401   403 | 403 200 200 200 403 | 403 200 200 200 403 | 200 200
GET  /v1/review/{about}                   401  401   403 | 403 200 403 200 403 | 403 404 403 404 403 | 403 200
GET  /v1/review/{about}/similar           401  401   403 | 403 200 403 200 403 | 403 404 403 404 403 | 403 200
POST /v1/review/{about}/text              401  401   403 | 403 409 403 409 403 | 403 404 403 404 403 | 403 409
POST /v1/review/{about}/claim             401  401   403 | 403 200 403 200 403 | 403 404 403 404 403 | 403 200
POST /v1/review/{about}/release           401  401   403 | 403 409 403 409 403 | 403 404 403 404 403 | 403 409
POST /v1/review/{about}/label             401  401   403 | 403 409 403 409 403 | 403 404 403 404 403 | 403 409
POST /v1/review/{about}/decide            401  401   403 | 403 409 403 409 403 | 403 404 403 404 403 | 403 409
POST /session                             401  401   204 | 204 204 204 204 204 | 204 204 204 204 204 | 204 204
DELETE /session                           204  204   204 | 204 204 204 204 204 | 204 204 204 204 204 | 204 204
GET  /session                             401  401   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /session/ways                        200  200   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /session/oidc                        404  404   404 | 404 404 404 404 404 | 404 404 404 404 404 | 404 404
GET  /session/oidc/callback               303  303   303 | 303 303 303 303 303 | 303 303 303 303 303 | 303 303
GET  /healthz                             200  200   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
GET  /readyz                              200  200   200 | 200 200 200 200 200 | 200 200 200 200 200 | 200 200
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: `variant` is "", "own", or what kind of record."""

    method: str
    path: str
    variant: str
    statuses: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.variant}".strip()


def _row(line: str) -> Row:
    method, path, *cells = line.replace("|", " ").split()
    variant = "" if cells[0].isdigit() else cells.pop(0)
    statuses = tuple(map(int, cells))
    assert len(statuses) == len(CALLERS), line
    return Row(method, path, variant, statuses)


ROWS = tuple(_row(line) for line in TABLE.strip().splitlines()[1:])
