"""What `make prove chaos` injects: the mix of kinds, a disk that is full or hangs, and the graph that it breaks."""

import errno
import threading
from pathlib import Path

import pytest
import yaml

from tests.proofs import chaos_graph
from tests.proofs.chaos import KINDS, SHARES, STRIDE
from tests.proofs.chaos_disk import Disk
from tests.proofs.chaos_faults import FAULTS, LINKS, can_do


@pytest.mark.parametrize("setting", KINDS)
def test_every_kind_of_a_setting_comes_and_a_third_at_most_is_of_the_clients_link(setting: str) -> None:
    kinds = KINDS[setting]
    assert {kinds[number * STRIDE % len(kinds)] for number in range(len(kinds))} == set(kinds) <= set(FAULTS)
    assert sum(name in LINKS for name in kinds) <= len(kinds) / 3
    assert sum(SHARES.values()) == 1


def test_a_disk_that_is_full_takes_nothing_and_one_that_hangs_takes_it_later(tmp_path: Path) -> None:
    if why := can_do("disk full 3 s"):
        pytest.skip(f"not run: {why}")
    with Disk(tmp_path) as disk:
        disk.fill()
        with pytest.raises(OSError, match="No space left") as full:
            (disk.root / "file").write_bytes(bytes(100_000))
        assert full.value.errno == errno.ENOSPC
        disk.empty()
        (disk.root / "file").write_bytes(bytes(100_000))
        with disk.hanging():
            late = threading.Thread(target=(disk.root / "other").write_bytes, args=(b"late",))
            late.start()
            late.join(0.5)
            assert late.is_alive()
        late.join(60)
        assert (disk.root / "other").read_bytes() == b"late"
    assert not list(tmp_path.glob("*.img"))


def test_the_graph_is_the_shipped_one_but_for_replicas_and_clocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = yaml.safe_load((chaos_graph.ROOT / "deployments" / "serve.yaml").read_text())
    monkeypatch.setenv("PRECEPTOR_REDIS_URL_FILE", "/run/redis-url")
    made = chaos_graph.graph(2, tmp_path, clocks=True)["applications"][0]
    assert made["args"] == {"gateways": 2, "redis": "/run/redis-url"}
    for before, after in zip(shipped["applications"][0]["deployments"], made["deployments"], strict=True):
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        assert changed <= {"num_replicas", "autoscaling_config", "ray_actor_options"}, before["name"]
        assert ("num_replicas" in changed) == (before["name"] in chaos_graph.REPLICATED)
        assert ("ray_actor_options" in changed) == (before["name"] in chaos_graph.CLOCKED)
    assert chaos_graph.clock(tmp_path, "Gateway").read_text() == "+0"
