"""The int8 graph: built alike everywhere, kept only under its digest, close to fp32, and torch stays away."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from safetensors.numpy import save_file

from guards import encoder, graph, sheet
from guards.card import Card, base_folder
from guards.encoder import WEIGHTS, Encoder, cache_folder, card_digest, sha256
from guards.errors import WeightsError

ROOT = Path(__file__).parents[3]
TEXTS = [json.loads(line)["text"] for line in Path(__file__).with_name("paraphrases.jsonl").read_text().splitlines()]


def edit(folder: Path, **changes: object) -> None:
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | changes))


def put_digests(folder: Path, **digests: str | None) -> None:
    card = json.loads((folder / "card.json").read_text())
    kept = {name: digest for name, digest in (card["digests"] | digests).items() if digest}
    edit(folder, digests=kept)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Shipped weights with the digest of their graph on the card."""
    folder = tmp_path_factory.mktemp("weights") / "w"
    shutil.copytree(WEIGHTS, folder)
    put_digests(folder, graph=graph.build(folder, base_folder(), folder.parent / "graph.onnx"))
    return folder


@pytest.fixture
def weights(built, tmp_path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(built, tmp_path / "w"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def unbuildable(monkeypatch):
    """Whoever builds a graph fails."""

    def fail(*_):
        raise AssertionError("expected the graph from the cache")

    return lambda: monkeypatch.setattr(graph, "assemble", fail)


def python(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()


def test_a_processor_without_vector_instructions_builds_the_same_bytes(built, tmp_path):
    code = (
        "import sys; from pathlib import Path; from guards import card, graph\n"
        "print(graph.build(Path(sys.argv[1]), card.base_folder(), Path(sys.argv[2])))\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    without = " ".join(name for name in __cpu_dispatch__ if __cpu_features__[name])
    found = said(python(code, built, tmp_path / "here" / "graph.onnx", NPY_DISABLE_CPU_FEATURES=without))
    assert found == Card.read(built).digests["graph"] == sha256(tmp_path / "here" / "graph.onnx")
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["graph.onnx"]


def test_a_low_rank_pair_is_added_at_the_rank_it_has(rng):
    base = {"layer.weight": rng.normal(size=(6, 5)).astype(np.float32)}
    up, down = rng.normal(size=(6, 3)).astype(np.float16), rng.normal(size=(3, 5)).astype(np.float16)
    pair = {"base_model.model.layer.lora_A.weight": down, "base_model.model.layer.lora_B.weight": up}
    product = up.astype(np.float64) @ down.astype(np.float64)
    for alpha, scaling in ((None, 2.0), (12.0, 4.0)):
        merged = graph.merge(base, pair, Card({}, 1.0, 1.0, alpha))
        np.testing.assert_allclose(merged["layer.weight"], base["layer.weight"] + scaling * product, rtol=1e-6)
    with pytest.raises(WeightsError, match="low-rank pair"):
        graph.merge(base, pair | {"base_model.model.layer.lora_B.weight": up[:, :2]}, Card({}, 1.0, 1.0))


def test_quantised_numbers_are_within_half_a_step(rng):
    array = rng.normal(size=(4, 64)).astype(np.float32)
    array[2] = 0
    numbers, scales = sheet.quantise(array)
    assert numbers.dtype == np.int8
    assert np.abs(numbers).max() == 127
    assert (np.abs(numbers * scales[:, None] - array) <= scales[:, None] * 0.501).all()


def test_int8_is_close_to_fp32(built, tmp_path):
    served, exact = Encoder.load(built, tmp_path), Encoder.load(built, exact=True)
    assert served.digest == exact.digest == card_digest(built)
    pairs = list(zip(served.score(TEXTS[::5]), exact.score(TEXTS[::5]), strict=True))
    apart = np.array([[abs(getattr(a, n) - getattr(b, n)) for n in a.__slots__] for a, b in pairs])
    assert apart.mean() < 0.003
    assert apart.max() < 0.1


def test_a_processor_whose_int8_products_overflow_takes_products_that_do_not(built, tmp_path, monkeypatch):
    served, opened = Encoder.load(built, tmp_path), []

    def note(graph_bytes, *, exact=False):
        opened.append(exact)
        return real(graph_bytes, exact=exact)

    real = encoder._opened
    monkeypatch.setattr(encoder, "_opened", note)
    monkeypatch.setattr(encoder, "_proof", lambda _: graph.PROOF / 2)
    careful = Encoder.load(built, tmp_path)
    assert opened == [False, True]
    for a, b in zip(served.score(TEXTS[:20]), careful.score(TEXTS[:20]), strict=True):
        assert a.override == pytest.approx(b.override, abs=0.005)
        assert a.harmful == pytest.approx(b.harmful, abs=0.005)


def test_gelu_plus_the_floor_needs_no_sign():
    points = np.arange(-1.0, -0.5, 1e-4)
    assert -sheet.FLOOR < min(x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in points) < 0.001 - sheet.FLOOR


def test_another_rank_in_half_precision_and_another_alpha_and_length(weights, rng):
    pairs = {"attention.self.query": (384, 384), "intermediate.dense": (1536, 384), "output.dense": (384, 1536)}
    tensors = {
        f"heads.{head}.{part}": 0.1 * rng.normal(size=shape)
        for head, width in (("override", 1), ("intent", 4))
        for part, shape in (("weight", (width, 384)), ("bias", (width,)))
    }
    for name, (outputs, inputs) in pairs.items():
        key = f"base_model.model.encoder.layer.3.{name}"
        tensors |= {f"{key}.lora_A.weight": 0.05 * rng.normal(size=(40, inputs))}
        tensors |= {f"{key}.lora_B.weight": 0.05 * rng.normal(size=(outputs, 40))}
    file = weights / "guard.safetensors"
    save_file({name: array.astype(np.float16) for name, array in tensors.items()}, file)
    edit(weights, network={"alpha": 20, "length": 64, "overlap": 16})
    put_digests(weights, graph=None, **{"guard.safetensors": sha256(file)})
    served, exact = Encoder.load(weights), Encoder.load(weights, exact=True)
    for a, b in zip(served.score(TEXTS[:20]), exact.score(TEXTS[:20]), strict=True):
        assert a.override == pytest.approx(b.override, abs=0.02)
        assert a.harmful == pytest.approx(b.harmful, abs=0.02)
    windows = served.windows("word " * 200)
    assert max(map(len, windows)) == 64
    assert windows[0][-17:-1] == windows[1][1:17]


def test_a_start_takes_the_graph_from_the_cache(weights, tmp_path, unbuildable):
    first = Encoder.load(weights, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"{Card.read(weights).digests['graph']}.onnx"]
    unbuildable()
    again = Encoder.load(weights, tmp_path / "cache")
    assert again.score(TEXTS[:3]) == first.score(TEXTS[:3])


def test_a_spoilt_cache_is_built_anew(weights, tmp_path, unbuildable):
    kept = tmp_path / f"{Card.read(weights).digests['graph']}.onnx"
    kept.write_bytes(b"half a graph")
    built = Encoder.load(weights, tmp_path)
    unbuildable()
    assert Encoder.load(weights, tmp_path).score(TEXTS[:3]) == built.score(TEXTS[:3])


def test_a_graph_that_differs_from_the_card_is_not_run(weights, tmp_path):
    put_digests(weights, graph="0" * 64)
    with pytest.raises(WeightsError, match="graph: expected digest 0000"):
        Encoder.load(weights, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_without_a_digest_on_the_card_nothing_is_kept(weights, tmp_path):
    put_digests(weights, graph=None)
    assert Encoder.load(weights, tmp_path / "cache").score(["Hello"])[0].sane
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_only_costs_time(weights, tmp_path, caplog):
    (tmp_path / "file").touch()
    assert Encoder.load(weights, tmp_path / "file").score(["Hello"])[0].sane
    assert "not kept" in caplog.text


def test_several_processes_may_build_at_once(built, tmp_path):
    code = (
        "import sys; from pathlib import Path; from guards.encoder import Encoder\n"
        "print(Encoder.load(Path(sys.argv[1]), Path(sys.argv[2])).score(['Hello']))"
    )
    processes = [python(code, built, tmp_path) for _ in range(3)]
    assert len({said(process) for process in processes}) == 1
    (kept,) = tmp_path.iterdir()
    assert sha256(kept) == Card.read(built).digests["graph"]


def test_equal_windows_are_run_once(built, tmp_path):
    whole, ran = Encoder.load(built, tmp_path), []

    def run(window):
        ran.append(window)
        return whole._run(window)

    counting = Encoder(run, whole._tokenizer, "")
    texts = ["Hello", "What is a firewall?", "Hello", "same words " * 400, "same words " * 400]
    assert counting.score(texts) == [whole.score([text])[0] for text in texts]
    assert len(ran) == len(set(ran)) > 3


def test_where_graphs_are_kept(monkeypatch):
    for name in ("PRECEPTOR_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() == Path.home() / ".cache" / "preceptor"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/preceptor")
    monkeypatch.setenv("PRECEPTOR_HOME", "/home/of/it")
    assert cache_folder() == Path("/home/of/it/cache")


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": {"override": 1.0}},
        {"digests": None},
        {"network": {"layers": 7}},
        {"network": {"length": 128, "overlap": 126}},
        {"network": {"length": 600}},
    ],
    ids=["temperature", "digests", "unknown", "overlap", "length"],
)
def test_a_card_that_makes_no_sense_is_refused(weights, change):
    edit(weights, **change)
    with pytest.raises(WeightsError, match="expected"):
        Card.read(weights)


def test_weights_that_lack_a_tensor_are_refused(weights, tmp_path):
    save_file({"heads.override.bias": np.zeros(1, np.float32)}, weights / "guard.safetensors")
    with pytest.raises(WeightsError, match=r"heads\.override\.weight"):
        graph.build(weights, base_folder(), tmp_path / "graph.onnx")
    (weights / "guard.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match=r"guard\.safetensors"):
        graph.build(weights, base_folder(), tmp_path / "graph.onnx")
