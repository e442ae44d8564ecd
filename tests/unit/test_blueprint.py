"""The blueprint names only what exists, speaks of all eighteen steps, and its figures are the code's."""

import importlib.util
import re
from pathlib import Path

import yaml

from app.settings import Limits

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "blueprint.md").read_text()
FOLDERS = ("app/", "audit/", "deployments/", "docs/", "guards/", "train/", ".github/", "cluster.yaml")
STEPS = PAGE.split("## The eighteen steps")[1]


def rows(text: str) -> list[list[str]]:
    """Cells of the tables' rows, heads and rules left out."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [cells for cells in found if not set("".join(cells)) <= {"-"}]


def named() -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))


def test_every_path_and_module_exists() -> None:
    paths = {one for one in named() if one.startswith(FOLDERS)}
    modules = {one.split()[2] for one in named() if one.startswith("python -m ")}
    assert len(paths) > 40
    assert len(modules) > 20
    assert sorted(one for one in paths if not (ROOT / one).exists()) == []
    assert sorted(one for one in modules if importlib.util.find_spec(one) is None) == []


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_each_step_and_each_foreign_name_has_its_part() -> None:
    steps = {int(cells[0]): cells[2] for cells in rows(STEPS) if cells[0].isdigit()}
    assert sorted(steps) == list(range(1, 19))
    assert all("`" in part for part in steps.values())
    foreign = {cells[0]: cells[1] for cells in rows(STEPS.split("named there")[1])}
    for name in ("Vertex", "Node.js", "PostgreSQL"):
        assert any(name in key and "`" in here for key, here in foreign.items()), name


def test_there_is_a_diagram_of_containers_and_one_of_each_place() -> None:
    diagrams = re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
    assert len(diagrams) == 5
    for diagram in diagrams:
        lines = [line.strip() for line in diagram.splitlines()]
        assert lines[0] == "flowchart LR"
        assert sum(line.startswith("subgraph") for line in lines) == lines.count("end") > 0
        for opening, closing in ("[]", "()"):
            assert diagram.count(opening) == diagram.count(closing)
    for place in ("AWS", "GCP", "Azure", "On premises"):
        assert f"**{place}**" in PAGE


def test_bounds_are_those_of_the_graph() -> None:
    graph = yaml.safe_load((ROOT / "deployments" / "serve.yaml").read_text())["applications"][0]["deployments"]
    scaled = {one["name"]: one.get("autoscaling_config", {}) for one in graph}
    for name in ("Guard", "Model", "Challenger"):
        (row,) = (cells for cells in rows(PAGE.split("## Scaling")[1].split("## Storage")[0]) if cells[0] == name)
        assert f"{scaled[name]['min_replicas']} to {scaled[name]['max_replicas']}" in row[1]
    (model,) = (one for one in graph if one["name"] == "Model")
    assert f"{model['max_ongoing_requests']} answers at a time for each Model" in PAGE
    assert f"{Limits().open_requests} open requests for each Gateway" in PAGE
