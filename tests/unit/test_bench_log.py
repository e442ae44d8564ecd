"""The log benchmark end to end with tiny counts: shapes and ratios, never how fast."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench import log, log_memory, peers
from tests.bench.log_records import Rate
from tests.bench.log_report import aims, curve, table, with_ratios

CLIENTS = (1, 4)


def test_tiny_run_measures_limits_appends_sqlite_and_verification(tmp_path: Path) -> None:
    parts = frozenset({"limits", "append", "open", "sqlite", "verify"})
    found = log.measure(tmp_path, 0.05, 20, parts, CLIENTS)
    assert set(found["before"]) == {"limits", "append", "open", "sqlite", "reading"}
    assert len(found["limits"]) == 7
    assert all(limit["per_s"] > 0 for limit in found["limits"].values())
    measured = [(row["system"], row["clients"]) for row in found["rates"]]
    assert measured == [
        ("log, 0 ms", 1), ("log, 0 ms", 4), ("log, 20 ms", 1), ("log, 20 ms", 4),
        ("SQLite WAL FULL", 1), ("SQLite WAL FULL", 64),
    ]  # fmt: skip
    disk = found["limits"]["fdatasync append, 512 B"]["per_s"]
    for row in found["rates"] + found["open_loop"]:
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["x_fdatasync"] == row["records_per_s"] / disk
        assert row["x_postgresql"] is None
    for checked in found["verify"].values():
        assert checked["records"] >= 20
        assert min(checked["root_per_core_s"], checked["whole_per_core_s"]) > 0
    assert set(found["receipt"]) == {"request", "answer"}
    assert all(sizes["bytes"] < sizes["bytes_at_1e8"] for sizes in found["receipt"].values())
    assert {row["aim"].partition(",")[0] for row in found["aims"]} >= {"log", "leaves/s and core to the root"}
    assert any("SQLite WAL FULL" in line for line in table(found))


def test_ratios_compare_equal_numbers_of_clients_and_aims_follow_from_them() -> None:
    rates = [Rate("log, 0 ms", 64, 300.0, 1.0, 2.0, 3.0), Rate("PostgreSQL", 64, 200.0, 1.0, 2.0, 3.0)]
    rows = with_ratios([*rates, Rate("log, 0 ms", 8, 100.0, 1.0, 2.0, 3.0)], 50.0)
    assert [(row["x_postgresql"], row["x_fdatasync"]) for row in rows] == [(1.5, 6.0), (1.0, 4.0), (None, 2.0)]
    assert [(row["figure"], row["met"]) for row in aims({"rates": rows})] == [(1.5, True)]


def test_curves_are_an_image_with_every_system_named() -> None:
    rates = [
        Rate(name, clients, 90.0 * clients, 0.4, 5.0, 70.0) for name in ("log & more", "B") for clients in (1, 512)
    ]
    image = ET.fromstring(curve(with_ratios(rates, None), "Appends"))  # noqa: S314 - we have just written it
    texts = [element.text for element in image.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Appends", "log & more", "B", "512", "clients (log scale)"} <= set(texts)
    lines = list(image.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) == 6


def test_a_machine_without_postgresql_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "DEBIAN", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = log.measure(tmp_path, 0.05, 20, frozenset({"postgresql"}), CLIENTS)
    assert found["rates"] == []
    assert "expected postgres and pgbench" in found["not_run"]["postgresql"]


def test_what_a_writer_holds_is_told_while_its_log_is_packed(tmp_path: Path) -> None:
    records, mib, files = zip(*log_memory.held(tmp_path, 1800, every=600), strict=True)
    assert [number // 600 for number in records] == [1, 2, 3]
    assert min(mib) > 0
    assert files[-1] < files[-2]  # more than a thousand are packed
