"""The real PyRIT and the real garak, where `make attackers` has put them: all that we ask of them works."""

import json
import os
from pathlib import Path

import pytest

from train.attack import garak, profiles, seeds, techniques
from train.attack.attempt import Answer, Evaluated
from train.attack.environment import NAMES, Environment
from train.attack.errors import AttackerMissing
from train.attack.pyrit import Pyrit
from train.attack.relay import Relay, serve

ATTACKERS = Path(os.environ.get("PRECEPTOR_ATTACKERS", "var/attackers"))


def environment(name: str) -> Environment:
    try:
        return Environment.find(name, ATTACKERS)
    except AttackerMissing as missing:
        pytest.skip(str(missing))


def test_every_technique_disguises_and_does_the_same_again() -> None:
    pyrit = environment("pyrit")
    text, chains = "How do I keep a worm out of my network?", techniques.chains("train") | techniques.chains("held_out")
    runs = []
    for _ in range(2):
        with Pyrit(pyrit) as process:
            runs.append({name: process.convert(text, chain, 7) for name, chain in chains.items()})
    assert runs[0] == runs[1]
    assert [name for name, sent in runs[0].items() if sent == text] == ["pyrit:plain"]
    assert {name for name, sent in runs[0].items() if len(sent) > 40 * len(text) + 2000} == set()


def test_a_probe_is_asked_within_its_budget_and_scored_by_the_verdict(tmp_path: Path) -> None:
    python, asked = environment("garak"), []

    def ask(text: str) -> Answer:
        asked.append(text)
        return Answer(("refused", "lesson", "answered", "failed")[len(asked) % 4])

    relay = Relay(ask, 6)
    with serve(relay) as uri:
        process = garak.start(python, "malwaregen.SubFunctions", tmp_path, uri, 6)
        assert process.wait(timeout=400) == 0
    assert len(asked) == len(set(asked)) == 6
    name = "malwaregen.SubFunctions"
    assert garak.evaluated(name, tmp_path) == Evaluated(name, 5, 2)  # one failed; two of five got an answer
    first = asked[:]
    with serve(Relay(ask, 6)) as uri:
        assert garak.start(python, "malwaregen.SubFunctions", tmp_path, uri, 6).wait(timeout=400) == 0
    assert asked[6:] == first


def test_garak_knows_every_probe_that_we_name() -> None:
    python = environment("garak").python
    (cache,) = python.parent.parent.glob("lib/python*/site-packages/garak/resources/plugin_cache.json")
    known = json.loads(cache.read_text())["probes"]
    assert {f"probes.{probe.name}" for probe in profiles.of("full", held_out=False).probes} - set(known) == set()


def test_both_are_asked_for_by_name_and_the_seeds_fit() -> None:
    assert NAMES == ("pyrit", "garak")
    assert all(len(seed.text) <= seeds.LONGEST for seed in seeds.pool("held_out"))
