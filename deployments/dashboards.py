"""Grafana's dashboards, made from short lists: `python -m deployments.dashboards` writes deployments/grafana/*.json.

A panel is a title, a unit of Grafana's, and queries with what their lines are called. A test asks each query of a real
Prometheus, and holds the files to these lists.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("grafana")
SCHEMA = 41  # of Grafana 12
WIDTH, HEIGHT, COLUMNS = 8, 8, 3
SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing; `queries` are PromQL and the legend of its lines."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One file; `name` is its uid too, so links to it stay."""

    name: str
    title: str
    panels: tuple[Panel, ...]


def rate(series: str, by: str) -> str:
    """Per second, by label."""
    return f"sum by ({by}) (rate({series}[$__rate_interval]))"


def quantile(share: float, series: str, by: str = "") -> tuple[str, str]:
    """A quantile of a histogram, by label where one is named."""
    legend = f"p{share * 100:g}" + (f" {{{{{by}}}}}" if by else "")
    return f"histogram_quantile({share}, {rate(f'{series}_bucket', f'le, {by}' if by else 'le')})", legend


def quantiles(series: str) -> tuple[tuple[str, str], ...]:
    """The middle and the slowest twentieth."""
    return quantile(0.5, series), quantile(0.95, series)


def one(title: str, unit: str, expression: str, legend: str = "") -> Panel:
    """A panel with one query."""
    return Panel(title, unit, ((expression, legend),))


P, S = "ray_preceptor_", "ray_serve_"

SERVICE = Dashboard("preceptor-service", "Preceptor: service", (
    one("Questions by outcome", "reqps", rate(f"{P}questions_total", "outcome"), "{{outcome}}"),
    Panel("To the first words", "s", quantiles(f"{P}first_window_seconds")),
    Panel("To the end of the answer", "s", quantiles(f"{P}question_seconds")),
    Panel("Tokens per second", "short", ((rate(f"{P}tokens_total", "kind"), "{{kind}}"),
                                         (f"sum(rate({P}model_tokens_total[$__rate_interval]))", "generated"))),
    one("Questions open", "short", f"sum({P}questions_open)", "open"),
    one("Windows released", "ops", f"sum(rate({P}windows_total[$__rate_interval]))", "windows"),
    one("Faults by cause", "ops", rate(f"{P}faults_total", "cause"), "{{cause}}"),
    one("Error responses by code", "ops", rate(f"{P}errors_total", "code"), "{{code}}"),
    Panel("Model: to the first token", "s", quantiles(f"{P}model_first_token_seconds")),
    one("Model: answers being generated", "short", f"sum({P}model_streams_open)", "streams"),
    one("Queue: questions that wait", "short", f"sum({P}queue_waiting)", "waiting"),
    Panel("Queue: to a stream of the model", "s", quantiles(f"{P}queue_seconds")),
    Panel("Lessons", "ops", ((f'sum(rate({P}questions_total{{outcome="taught"}}[$__rate_interval]))', "taught"),
                             (f"sum(rate({P}lessons_passed_total[$__rate_interval]))", "passed"))),
    one("Calls that wait for a replica", "short",
        f"sum by (deployment) ({S}deployment_queued_queries)", "{{deployment}}"),
    one("Healthy replicas", "short", f"sum by (deployment) ({S}deployment_replica_healthy)", "{{deployment}}"),
))  # fmt: skip

SAFETY = Dashboard("preceptor-safety", "Preceptor: safety", (
    one("Share refused or stopped", "percentunit",
        f'sum(rate({P}questions_total{{outcome=~"refused|stopped"}}[$__rate_interval]))'
        f" / sum(rate({P}questions_total[$__rate_interval]))", "share"),
    one("Verdicts by action", "ops", rate(f"{P}verdicts_total", "action"), "{{action}}"),
    one("Verdicts by category", "ops", rate(f'{P}verdicts_total{{category!="none"}}', "category"), "{{category}}"),
    Panel("Guard: seconds of one call", "s", quantiles(f"{P}guard_seconds")),
    Panel("Guard: texts of one call", "short", quantiles(f"{P}guard_texts")),
    one("Guard: calls that wait", "short", f"sum by (deployment) ({P}guard_calls_open)", "{{deployment}}"),
    one("Guard: errors", "ops", rate(f"{P}guard_errors_total", "deployment"), "{{deployment}}"),
    one("Keys that are not valid", "ops", rate(f'{P}errors_total{{code=~".*_api_key"}}', "code"), "{{code}}"),
    one("Over a limit", "ops",
        f'sum(rate({P}errors_total{{code="rate_limit_exceeded"}}[$__rate_interval]))', "limited"),
    one("Alerts by rule", "short", "sum by (rule) (preceptor_alerts_total)", "{{rule}}"),
    one("Alerts without a decision", "short", "sum(preceptor_alerts_open)", "open"),
    one("Drift", "short", 'preceptor_rule_value{rule=~".*_drift|embedding_shift"}', "{{rule}}"),
))  # fmt: skip

LOG = Dashboard("preceptor-log", "Preceptor: log", (
    Panel("Seconds of one commit", "s", (quantile(0.5, f"{P}log_commit_seconds", "deployment"),
                                         quantile(0.99, f"{P}log_commit_seconds", "deployment"))),
    one("Commits", "ops", rate(f"{P}log_commit_seconds_count", "deployment"), "{{deployment}}"),
    one("Records per commit", "short",
        f"{rate(f'{P}log_records_total', 'deployment')} / {rate(f'{P}log_commit_records_count', 'deployment')}",
        "{{deployment}}"),
    one("Records that wait", "short", f"max by (deployment) ({P}log_waiting_records)", "{{deployment}}"),
    one("Commits that failed", "ops", rate(f"{P}log_commit_failures_total", "deployment"), "{{deployment}}"),
    one("Age of the newest signed head", "s",
        f"time() - max by (deployment) ({P}log_checkpoint_timestamp_seconds)", "{{deployment}}"),
    one("Segments not yet packed", "short", f"max by (deployment) ({P}log_loose_files)", "{{deployment}}"),
    one("Gateways: age of the control log's view", "s",
        f"max by (replica) ({P}control_view_age_seconds)", "{{replica}}"),
    one("Monitor: behind the log", "s", "max(preceptor_monitor_lag_seconds)", "lag"),
    one("Answers that the log does not hold whole", "short",
        'max(preceptor_rule_value{rule="unlogged_answer"})', "must be 0"),
))  # fmt: skip

RESOURCES = Dashboard("preceptor-resources", "Preceptor: resources", (
    one("CPU of the nodes", "percent", "avg by (instance) (ray_node_cpu_utilization)", "{{instance}}"),
    one("Memory used", "percentunit", "ray_node_mem_used / ray_node_mem_total", "{{instance}}"),
    one("Disk free", "bytes", "ray_node_disk_free", "{{instance}}"),
    one("CPU by part", "percent",
        'sum by (Component) (ray_component_cpu_percentage{Component=~"ray::ServeReplica.*"})', "{{Component}}"),
    one("Memory by part", "decmbytes",
        'sum by (Component) (ray_component_rss_mb{Component=~"ray::ServeReplica.*"})', "{{Component}}"),
    one("Network", "Bps",
        "sum by (instance) (ray_node_network_send_speed + ray_node_network_receive_speed)", "{{instance}}"),
    one("Replica starts", "short",
        f"sum by (deployment) (increase({S}deployment_replica_starts_total[1h]))", "{{deployment}}"),
    one("Nodes", "short", "sum(ray_cluster_active_nodes)", "active"),
    one("Object store used", "bytes", "sum by (instance) (ray_object_store_used_memory)", "{{instance}}"),
    one("GPU: busy", "percent", "ray_node_gpus_utilization", "{{instance}} {{GpuIndex}}"),
    one("GPU: memory used", "mbytes", "ray_node_gram_used", "{{instance}} {{GpuIndex}}"),
    one("GPU: power", "mwatt", "ray_node_gpu_power_milliwatts", "{{instance}} {{GpuIndex}}"),
))  # fmt: skip

ALL = (SERVICE, SAFETY, LOG, RESOURCES)


def render(dashboard: Dashboard) -> dict[str, Any]:
    """Grafana's model of a dashboard; which Prometheus it asks is chosen in it."""
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": dashboard.name,
        "title": dashboard.title,
        "tags": ["preceptor"],
        "schemaVersion": SCHEMA,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [source]},
        "panels": [_panel(number, panel) for number, panel in enumerate(dashboard.panels)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, COLUMNS)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": expression, "legendFormat": legend or "__auto"}
            for at, (expression, legend) in enumerate(panel.queries)
        ],
    }


def main() -> int:
    """Write all files."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for dashboard in ALL:
        path = FOLDER / f"{dashboard.name.removeprefix('preceptor-')}.json"
        path.write_text(json.dumps(render(dashboard), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
