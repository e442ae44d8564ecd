"""The proxy benchmark's arithmetic, table, drawing, client and instant model: no proxy, no Ray, the loopback alone."""

import asyncio
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from tests.bench import proxy, proxy_client, proxy_graph
from tests.bench.proxy_drawing import draw
from tests.bench.proxy_places import CATEGORIES, PLACES, configuration
from tests.bench.proxy_table import BESIDE, OURS, figures, quantile, table
from tests.bench.proxy_upstream import ANSWER, MODEL, PIECES, serve
from tests.serve.conftest import free_port


def heard(count: int, wall_s: float, **bad: int) -> dict[str, Any]:
    total = [0.001 * (n + 1) for n in range(count)]
    return {
        "total": total, "first": [value / 2 for value in total], "bad": bad, "wall_s": wall_s, "warm": 1,
        "server_cpu_s": 0.01 * count, "client_cpu_s": 0.001 * count,
    }  # fmt: skip


def place(cell: dict[str, Any], logged: int | None, refused: int | None) -> dict[str, Any]:
    return {"start_s": 9.0, "rss_mib": 900.0, "idle_cores": 0.2, "given": 100, "logged": logged, "refused": refused,
            "loads": {"unary 8": cell}}  # fmt: skip


def found() -> dict[str, Any]:
    places = {
        OURS: place(figures([heard(100, 1.0)]), 99, 400),
        BESIDE: place(figures([heard(50, 1.0, cut=2)]), None, 200),
        "the model alone": place(figures([heard(0, 1.0, ClientError=3)]), None, None),
    }
    return {"machine": {"python": "3"}, "places": places, "not_run": {"other": "gone"}, "load_before": [0.2]}


def test_a_cell_has_the_rounds_quantiles_over_all_and_the_median_of_their_rates() -> None:
    cell = figures([heard(100, 1.0), heard(100, 2.0, cut=1), heard(100, 4.0)])
    assert (cell["per_s"], cell["per_s_best"], cell["answers"], cell["bad"]) == (50.0, 100.0, 300, {"cut": 1})
    assert (cell["p50_ms"], cell["p99_ms"]) == (pytest.approx(50.0), pytest.approx(99.0))
    assert (cell["cpu_ms"], cell["client_cpu_ms"]) == (pytest.approx(10.0), pytest.approx(1.0))


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert quantile([7.0], 0.99) == 7.0
    with pytest.raises(ValueError, match="expected values"):
        quantile([], 0.5)


def test_the_table_tells_what_was_not_refused_and_what_the_log_lacks() -> None:
    lines = "\n".join(table(found()))
    assert f"{OURS}: 100 answers given, 99 in the log, MISSING 1" in lines
    assert f"{OURS}: the bad prompt was refused" in lines
    assert "20 % of a core while nobody asks" in lines
    assert f"{BESIDE}: the bad prompt was NOT REFUSED (200)" in lines
    assert "no good answer: {'ClientError': 3}" in lines
    assert f"unary 8: beside {BESIDE}, 2.00 times the answers/s" in lines
    assert "not run: other: gone" in lines


def test_the_drawing_is_well_formed_and_names_every_place() -> None:
    root = ET.fromstring(draw(found(), "Proxies"))  # noqa: S314 - our own
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert set(found()["places"]) <= texts


@pytest.mark.parametrize("stream", [False, True])
async def test_the_client_hears_all_that_the_instant_model_says(stream: bool) -> None:
    port = free_port()
    serving = asyncio.create_task(serve(port))
    await asyncio.sleep(0.2)
    spec = {
        "url": f"http://127.0.0.1:{port}/v1/chat/completions", "key": "k", "model": MODEL, "questions": ["Why?"],
        "clients": 2, "stream": stream, "seconds": 0.2, "warm_up_s": 0.1, "ends_with": ANSWER[-20:],
    }  # fmt: skip
    try:
        heard = await proxy_client.load(spec)
        short = await proxy_client.load(spec | {"ends_with": "another end"})
    finally:
        serving.cancel()
    assert heard["total"]
    assert heard["bad"] == {}
    assert all(0 < first <= total for first, total in zip(heard["first"], heard["total"], strict=True))
    assert short["total"] == []
    assert set(short["bad"]) == {"cut short"}


def test_the_pieces_are_the_answer() -> None:
    assert "".join(PIECES) == ANSWER


def test_litellm_filters_question_and_answer_with_the_categories_and_only_where_it_is_asked_to() -> None:
    by_name = {each.name: configuration(each, "http://model") for each in PLACES if each.kind == "litellm"}
    (filtering,) = by_name[BESIDE]["guardrails"]
    assert filtering["litellm_params"]["mode"] == ["pre_call", "post_call"]
    assert [each["category"] for each in filtering["litellm_params"]["categories"]] == list(CATEGORIES)
    assert "guardrails" not in by_name["LiteLLM, no guardrail"]


def test_our_graph_is_the_product_s_but_for_the_engine_and_the_guard_of_words() -> None:
    rules, full = proxy_graph.configuration("rules"), proxy_graph.configuration("full")
    names = [{each["name"] for each in config["applications"][0]["deployments"]} for config in (rules, full)]
    assert names[1] - names[0] == {"Guard", "Challenger"}
    assert {"Gateway", "Model", "AuditLog-control", "AuditLog-exchange-0"} <= names[0]


async def test_the_guard_of_words_refuses_the_bad_prompt_and_no_other() -> None:
    bad, good = await proxy_graph.Words().score.remote([proxy.BAD, proxy.QUESTIONS[0]], "digest")
    assert bad.harmful > 0.9
    assert good.harm == 0
    assert bad.sane
    assert good.sane
