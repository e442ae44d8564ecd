"""Guard weights unlike the shipped ones: real, loadable, and cheap to make."""

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from guards import graph
from guards.card import Card, base_folder
from guards.encoder import WEIGHTS, sha256


def variant(folder: Path, *, flipped: bool = False, shift: float = 0.01) -> str:
    """Write shipped weights with a moved head, or with benign and harmful swapped; their digest."""
    folder.mkdir(parents=True)
    shutil.copyfile(WEIGHTS / "card.json", folder / "card.json")
    tensors = load_file(WEIGHTS / "guard.safetensors")
    rows = [name for name, tensor in tensors.items() if name.startswith("heads.") and tensor.shape[:1] == (4,)]
    assert rows, sorted(name for name in tensors if name.startswith("heads."))
    for name in rows:
        tensors[name] = tensors[name][[2, 1, 0, 3]].contiguous() if flipped else tensors[name] + shift
    save_file(tensors, folder / "guard.safetensors")
    card = json.loads((folder / "card.json").read_text())
    card["digests"] = {"base": card["digests"]["base"], "guard.safetensors": sha256(folder / "guard.safetensors")}
    (folder / "card.json").write_text(json.dumps(card))
    card["digests"]["graph"] = graph.digest(graph.assemble(folder, base_folder()))
    (folder / "card.json").write_text(json.dumps(card))
    return Card.read(folder).digest
