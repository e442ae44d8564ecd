"""The knowledge base in the running graph: a pack that comes while it serves, answers from it, and their records."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.grounding.citing import FLAG, UNSURE
from deployments.knowledge.identifiers import find
from tests.serve.conftest import Running
from tests.unit.deployments.knowledge_fixture import make_pack

QUESTION = "Which mitigations exist for T1003.001?"


@pytest.fixture(scope="module")
def pack(running: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A pack that is put beside the running graph, which then reads it."""
    made = make_pack(tmp_path_factory.mktemp("knowledge"))
    place = running.home / "packs" / made.name
    place.parent.mkdir(exist_ok=True)
    shutil.copytree(made, place.with_name(".coming"))
    place.with_name(".coming").rename(place)
    until = time.monotonic() + 60
    with running.client() as client:
        while client.get("/v1/knowledge").json()["pack"] != made.name:
            assert time.monotonic() < until, "the pack was not taken up"
            time.sleep(0.5)
    return made.name


def ask(running: Running, question: str, by: str, **asked: Any) -> httpx.Response:
    """Asked again while the knowledge base is late with its answer, as it is on a machine that stalls."""
    until = time.monotonic() + 60
    while ((reply := running.ask(question, **asked)).json()["preceptor"]["knowledge"] or {}).get("by") != by:
        assert time.monotonic() < until, reply.text
        time.sleep(1)
    return reply


def test_a_relation_is_answered_from_the_graph_and_proven(running: Running, pack: str, tmp_path: Path) -> None:
    reply = ask(running, QUESTION, "graph", max_tokens=8)
    answer = reply.json()
    text, told = answer["choices"][0]["message"]["content"], answer["preceptor"]
    assert "M1043" in text
    assert {each["id"] for each in told["sources"]} == {"T1003.001", "M1017", "M1043"}
    assert told["knowledge"]["pack"] == pack
    saved = tmp_path / "reply.json"
    saved.write_text(reply.text)
    checked = json.loads(running.run("audit.verify", "--key", str(running.vkey), "--receipt", str(saved)).stdout)
    assert [each["valid"] for each in checked["receipts"]] == [True]
    sql = "select request_id, fields from records where kind in ('request', 'answer')"
    rows = json.loads(running.run("audit.query", str(running.log), sql, "--format", "json").stdout)
    ours = [str(row["fields"]) for row in rows if row["request_id"] == told["request_id"]]
    assert [pack in fields for fields in ours] == [True, True]


def test_an_invented_identifier_is_not_known(running: Running, pack: str) -> None:
    answer = ask(running, "What is CVE-2099-99999?", "graph").json()
    assert "CVE-2099-99999 is not known here" in answer["choices"][0]["message"]["content"]
    assert answer["preceptor"]["knowledge"]["outcome"] == "unknown"


def test_another_question_is_the_models_with_what_was_found(running: Running, pack: str) -> None:
    told = ask(running, "Why is input that is placed in a web page dangerous?", "model").json()["preceptor"]
    assert [each["id"] for each in told["sources"]] == ["CWE-79"]


def test_readiness_names_what_is_absent(running: Running, pack: str) -> None:
    with running.client() as client:
        held = client.get("/readyz").json()["knowledge"]
        licences = {each["licence"] for each in client.get("/v1/knowledge").json()["sources"].values()}
    assert held["pack"] == pack
    assert "sigma" in held["absent"]
    assert all(licences)


def test_while_the_knowledge_base_is_away_no_identifier_passes_for_a_checked_one(running: Running, pack: str) -> None:
    running.kill("Knowledge")
    answer = running.ask("Is CVE-2031-77777 known?").json()
    text, told = answer["choices"][0]["message"]["content"], answer["preceptor"]["knowledge"]
    marked = [text[each.end :].startswith((UNSURE, FLAG)) for each in find(text)]
    assert all(marked) or told["outcome"] == "unknown", text  # it may be back already
    ask(running, QUESTION, "graph")
