"""Bad input gets the OpenAI error shape and a 4xx, never a 500, and never reaches the model."""

import json

import pytest

from app.auth import Role
from app.settings import Limits

OK = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}
MANY = [{"role": "user", "content": "x"}] * 10_000

CASES = {
    "not json": (b"{", "invalid_value"),
    "not utf-8": (b'{"a":"\xff"}', "invalid_value"),
    "deep nesting": (b"[" * 100_000, "invalid_value"),
    "a list": (b"[]", "invalid_value"),
    "no messages": ({"model": "tiny"}, "invalid_value"),
    "empty messages": (OK | {"messages": []}, "invalid_value"),
    "10,000 messages": (OK | {"messages": MANY}, "invalid_value"),
    "only a system message": (OK | {"messages": [{"role": "system", "content": "x"}]}, "invalid_value"),
    "blank user message": (OK | {"messages": [{"role": "user", "content": " "}]}, "invalid_value"),
    "messages of wrong type": (OK | {"messages": "hi"}, "invalid_value"),
    "content of wrong type": (OK | {"messages": [{"role": "user", "content": 7}]}, "invalid_value"),
    "a name": (OK | {"messages": [{"role": "user", "content": "x", "name": "y"}]}, "unsupported_parameter"),
    "an image": (OK | {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "invalid_value"),
    "unknown role": (OK | {"messages": [{"role": "tool", "content": "x"}]}, "invalid_value"),
    "unknown model": (OK | {"model": "gpt"}, "model_not_found"),
    "n=2": (OK | {"n": 2}, "invalid_value"),
    "logprobs": (OK | {"logprobs": True}, "unsupported_parameter"),
    "tools": (OK | {"tools": []}, "unsupported_parameter"),
    "negative temperature": (OK | {"temperature": -1}, "invalid_value"),
    "temperature as text": (OK | {"temperature": "hot"}, "invalid_value"),
    "NaN temperature": (json.dumps(OK | {"temperature": float("nan")}).encode(), "invalid_value"),
    "top_p over 1": (OK | {"top_p": 1.5}, "invalid_value"),
    "zero max_tokens": (OK | {"max_tokens": 0}, "invalid_value"),
    "huge seed": (OK | {"seed": 10**30}, "invalid_value"),
    "a stop of 1,000 characters": (OK | {"stop": "a" * 1000}, "invalid_value"),
    "five stops": (OK | {"stop": ["a"] * 5}, "invalid_value"),
    "NUL": (OK | {"messages": [{"role": "user", "content": "a\0b"}]}, "invalid_value"),
    "lone surrogate": (b'{"model":"tiny","messages":[{"role":"user","content":"\\ud800"}]}', "invalid_value"),
    "context too long": (OK | {"messages": [{"role": "user", "content": "word " * 600}]}, "context_length_exceeded"),
    "far too long": (OK | {"messages": [{"role": "user", "content": "w" * 100_000}]}, "context_length_exceeded"),
}


@pytest.mark.parametrize("name", CASES)
async def test_refused_with_a_reason(world, name: str) -> None:
    body, code = CASES[name]
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await world.http.post("/v1/chat/completions", content=sent)
    assert 400 <= answer.status_code < 500, answer.text
    error = answer.json()["error"]
    assert set(error) >= {"message", "type", "param", "code"}
    assert error["code"] == code, error
    assert world.model.asked == []
    assert world.kinds() == []


async def test_a_2_mb_body_is_413(world) -> None:
    answer = await world.http.post("/v1/chat/completions", content=b'{"x":"' + b"a" * 2_000_000 + b'"}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    ("header", "code"),
    [({}, "invalid_api_key"), ({"authorization": "Bearer nonsense"}, "invalid_api_key"),
     ({"authorization": "Basic abc"}, "invalid_api_key")],
)  # fmt: skip
async def test_missing_or_malformed_keys_are_401(world, header: dict, code: str) -> None:
    del world.http.headers["authorization"]
    answer = await world.http.post("/v1/chat/completions", json=OK, headers=header)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


async def test_expired_keys_and_keys_of_others_are_401(world, tmp_path) -> None:
    from app.auth import Role, TokenKey

    expired = {"authorization": f"Bearer {world.key(ttl_s=-5)}"}
    assert (await world.http.get("/v1/models", headers=expired)).json()["error"]["code"] == "expired_api_key"
    TokenKey.create(tmp_path / "other")
    foreign, _ = TokenKey.load(tmp_path / "other").mint("ada", "school", Role.ADMIN, 60)
    answer = await world.http.get("/v1/models", headers={"authorization": f"Bearer {foreign}"})
    assert answer.status_code == 401


async def test_unknown_routes_and_methods_speak_openai(world) -> None:
    assert (await world.http.get("/v1/nothing")).json()["error"]["code"] == "not_found"
    wrong = await world.http.get("/v1/chat/completions")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    "header",
    ["x-request-timeout-seconds", "x-request-disconnect-disabled", "serve_multiplexed_model_id", "x-session-id",
     "x-serve-router-x"],
)  # fmt: skip
async def test_headers_that_steer_the_proxy_are_refused(world, header: str) -> None:
    answer = await world.http.post("/v1/chat/completions", json=OK, headers={header: "1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "header_not_allowed")


async def test_over_the_rate_limit_is_429_with_retry_after(make_world) -> None:
    world = await make_world(Limits(requests_per_minute=4))  # accepting the terms was the first
    statuses = [(await world.ask()).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    last = await world.ask()
    assert int(last.headers["retry-after"]) >= 1
    assert last.json()["error"]["type"] == "rate_limit_error"
    assert world.counts["rate_limit_exceeded"] == 3


async def test_the_red_team_has_limits_of_its_own(make_world) -> None:
    world = await make_world(Limits(requests_per_minute=4, redteam_requests_per_minute=2))
    red = {"authorization": f"Bearer {world.key('ada', Role.REDTEAM)}"}  # the same name uses up nothing of the person's
    statuses = [(await world.http.get("/v1/receipts/x", headers=red)).status_code for _ in range(3)]
    assert statuses == [404, 404, 429]
    assert (await world.ask()).status_code == 200
