"""The OpenAPI document turned against the application: 1,000 requests here, 20,000 by `make prove fuzz`."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from schemathesis import Case

from app.auth import Role
from app.headers import ALWAYS
from tests.proofs.fuzz import TABLE, Batch, batch
from tests.unit.app.matrix import CALLERS, Caller

REQUESTS = 1000


def test_no_request_breaks_a_promise() -> None:
    came = batch(number=0, count=REQUESTS)
    assert came["violations"] == []
    assert (came["requests"], came["log_killed"]) == (REQUESTS, REQUESTS // 2)
    assert {"200", "400", "401", "403", "404", "503"} <= came["statuses"].keys(), came["statuses"]
    assert came["codes"].keys() >= {"log_unavailable", "answered", "expired_api_key"}, came["codes"]


LEARNER, ADMIN = CALLERS[3], Caller("root", Role.ADMIN)
TERMS, QUEUE = ("GET", "/v1/terms"), ("GET", "/v1/review")
ERROR = {"error": {"message": "m", "type": "server_error", "param": None, "code": "c"}, "detail": "m"}
WRONG = {
    "a 500": (TERMS, LEARNER, 500, ERROR, {}, "500 c"),
    "a fault unforeseen": (TERMS, LEARNER, 503, ERROR | {"error": ERROR["error"] | {"code": "internal_error"}},
                           {"retry-after": "5"}, "nobody foresaw"),
    "a 503 that tells no time": (TERMS, LEARNER, 503, ERROR, {}, "without Retry-After"),
    "a status that is not told": (TERMS, LEARNER, 404, ERROR, {}, "404"),
    "a field that is not told": (TERMS, LEARNER, 200, {"version": "1", "digest": "0" * 64, "text": "", "more": 1}, {},
                                 "200"),
    "no security headers": (TERMS, LEARNER, 200, {"version": "1", "digest": "0" * 64, "text": ""},
                            {"x-frame-options": "SAMEORIGIN"}, "security headers"),
    "what a role may not": (QUEUE, LEARNER, 200, {"items": []}, {}, "a role that may not"),
    "nothing": (QUEUE, ADMIN, 200, {"items": []}, {}, None),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_the_judge_sees_each_broken_promise(tmp_path: Path, name: str) -> None:
    place, caller, status, body, fields, told = WRONG[name]
    made = Batch(tmp_path, 0)
    operation = made.document[place[1]][place[0]]
    case: Case = operation.Case(method=place[0], path_parameters={}, query={}, headers={})
    request = httpx.Request(place[0], f"http://test{place[1]}")
    answer = httpx.Response(status, json=body, headers=ALWAYS | fields, request=request)
    answer.elapsed = timedelta()
    found = made.wrong(case, TABLE[place], caller, answer)
    assert any(told in line for line in found) if told else found == []
