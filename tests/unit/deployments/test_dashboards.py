"""The dashboards: what the code makes, queries that a real Prometheus can read, of series that exist."""

import json
import subprocess
import sys

import pytest

from deployments import dashboards
from tests.monitoring.prometheus import DASHBOARDS, HERE, ROOT, exported, named, prometheus, queries


def test_the_files_are_what_the_lists_make() -> None:
    made = {f"{each.name.removeprefix('preceptor-')}.json": dashboards.render(each) for each in dashboards.ALL}
    assert {path.name: json.loads(path.read_text()) for path in DASHBOARDS} == made


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_each_dashboard_is_whole(path) -> None:
    dashboard = json.loads(path.read_text())
    assert dashboard["uid"] == f"preceptor-{path.stem}"
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids) > 5
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert {target["datasource"]["uid"] for panel in dashboard["panels"] for target in panel["targets"]} == {
        "${source}"
    }


def test_every_query_parses_and_names_only_what_is_exported(tmp_path) -> None:
    known = exported()
    with prometheus(tmp_path, "scrape_configs: []") as server:
        for path in DASHBOARDS:
            for query in queries(path):
                assert server.get("format_query", query=query)
                assert named(query) <= known, (path.name, named(query) - known)
        with pytest.raises(AssertionError, match="parse error"):
            server.get("format_query", query="sum by (rate(x[1m]")


def test_a_query_of_something_else_would_be_noticed() -> None:
    assert named('sum(rate(ray_preceptor_nothing_total{code="up"}[1m]))') - exported() == {
        "ray_preceptor_nothing_total"
    }


def test_the_gpu_node_is_what_rays_reporter_and_exporter_make_of_a_gpu() -> None:
    """The panels of GPUs are tried on this file, since no machine of ours has one."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.monitoring.gpu_node"], cwd=ROOT, text=True, capture_output=True, check=True
    )
    assert made.stdout == (HERE / "gpu_node.txt").read_text()
