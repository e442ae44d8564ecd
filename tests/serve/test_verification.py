"""A large log is verified by a whole cluster, and that finds what one process finds."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from audit import init, upkeep
from tests.serve.conftest import Running
from tests.unit.audit.conftest import World


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A root whose exchange log has several packs, and segments behind them."""
    world = World(tmp_path)
    init.begin(world.address, tmp_path / "keys", "test", 1)
    monkeypatch.setattr(upkeep, "TIERS", (10, 1_000, 10_000))
    log = world.open()
    for _ in range(12):
        for entry in world.exchange(str(uuid4()), "Salted ", "hashes."):
            log.append([entry])
        upkeep.pack_all(log)
    assert len(world.names("exchange-0/pack")) > 2
    return world


def both(running: Running, world: World) -> tuple[object, object]:
    """Exit code and report, of Ray Data on the running cluster and of one process alone."""
    done = [running.run(module, str(world.root), ok=False) for module in ("deployments.verification", "audit.verify")]
    spread, alone = ((each.returncode, json.loads(each.stdout)) for each in done)
    return spread, alone


def test_ray_data_reports_what_one_process_reports(running: Running, packed: World) -> None:
    spread, alone = both(running, packed)
    assert spread == alone
    assert alone[0] == 0


def test_ray_data_names_the_same_first_bad_file(running: Running, packed: World) -> None:
    for name in packed.names("exchange-0/pack")[1:3]:
        path = packed.root / "exchange-0" / "pack" / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    spread, alone = both(running, packed)
    assert spread == alone
    assert alone[0] == 1
    assert alone[1]["first_bad"]["file"] == f"exchange-0/pack/{packed.names('exchange-0/pack')[1]}"
