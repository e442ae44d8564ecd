"""docs/limits.md says what the code does: settings, codes, examples; and each ring of the graph holds the next."""

import re
from pathlib import Path

import yaml

from app.limiting.bounds import Standing, Unit, bounds_of
from app.limiting.fields import rate_fields
from app.settings import Limits, Settings
from deployments import metrics
from tests.unit.app.limiting.conftest import NAMES, person
from tests.unit.app.limiting.test_rate_fields import parsed

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "limits.md").read_text()
BLOCKS = re.findall(r"^```(yaml)?\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
SERVE = yaml.safe_load((ROOT / "deployments" / "serve.yaml").read_text())
GRAPH = {each["name"]: each for each in SERVE["applications"][0]["deployments"]}


def test_the_table_of_settings_is_the_codes() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| ([\w.]+) \| ", PAGE, flags=re.MULTILINE))
    given = {name: field.get_default(call_default_factory=True) for name, field in Limits.model_fields.items()}
    assert told == {name: str(value) if isinstance(value, int | float) else "none" for name, value in given.items()}
    assert Limits().each_tenant.model_dump(exclude_none=True) == {}
    assert f"{Limits().lease_s:g} s by default" in PAGE


def test_the_codes_of_the_page_are_counted() -> None:
    codes = re.findall(r"^\| \d{3} \| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert len(codes) == 6
    assert set(codes) <= set(metrics.CODES)


def test_its_examples_are_arguments_of_the_graph() -> None:
    examples = [yaml.safe_load(text)["args"] for kind, text in BLOCKS if kind == "yaml"]
    assert len(examples) == 2
    given = [Settings.model_validate(example) for example in examples]
    assert given[0].limits.tenants["bank"].tokens_per_minute == 2_000_000
    assert given[1].gateways == 3
    assert '"PRECEPTOR_REDIS_URL_FILE"' in (ROOT / "app" / "settings.py").read_text()


def test_its_header_fields_are_those_of_the_defaults() -> None:
    shown = dict(
        line.lower().split(": ", 1) for _, text in BLOCKS for line in text.splitlines() if "atelimit" in line.lower()
    )
    bounds = bounds_of(person(), Limits(), NAMES)
    left = {Unit.REQUESTS: (599, 60), Unit.TOKENS: (198_750, 41)}
    standings = [Standing(bound, *left[bound.unit]) for bound in bounds if bound.unit in left]
    fields = rate_fields(bounds, standings)
    assert shown == {name: fields[name] for name in shown}
    assert len(parsed(shown["ratelimit-policy"])) == 3


def test_each_ring_is_narrower_than_the_next() -> None:
    limits, gateway, model = Limits(), GRAPH["Gateway"], GRAPH["Model"]
    assert limits.streams + limits.queue < limits.open_requests < gateway["max_ongoing_requests"]
    assert gateway["backpressure_config"] == {"status_code": 503, "retry_after_s": 5}
    assert limits.streams <= model["max_ongoing_requests"] * model["autoscaling_config"]["min_replicas"]
    assert (
        limits.streams * 2 <= model["max_ongoing_requests"] + model["max_queued_requests"]
    )  # two Gateways at an update
    assert limits.deadline_s + limits.queue_wait_s < SERVE["http_options"]["request_timeout_s"]
    assert SERVE["http_options"]["request_timeout_s"] <= limits.lease_s
