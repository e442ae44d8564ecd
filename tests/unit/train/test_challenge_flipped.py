"""A challenger that takes harm for harmless, with real weights on real sentences, is refused; the champion is not."""

from pathlib import Path

from tests.unit.train.guard_variant import variant
from train.attack import seeds
from train.challenger import comparing, rules
from train.challenger.items import ATTACK, BENIGN, Item
from train.guard_judging import Judge
from train.guard_rows import NAMES, Row


def items() -> list[Item]:
    """Sixty sentences of each side whose meaning is known."""
    found = []
    for group, labels in ((ATTACK, ("harmful", "other_harm")), (BENIGN, ("educational",))):
        texts = [seed for seed in seeds.pool("held_out") if seed.label in labels][:60]
        found += [Item(group, Row(seed.text, NAMES.index(seed.label), 0, "guard_sets", "test")) for seed in texts]
    return found


def broken(champion: Judge, challenger: Judge) -> list[str]:
    asked = items()
    sides = ([judge.judge(item.row) for item in asked] for judge in (champion, challenger))
    pairs = [comparing.Pair(*three) for three in zip(asked, *sides, strict=True)]
    return rules.broken([*comparing.shares(pairs), comparing.calibration(pairs)])


def test_flipped_labels_are_refused_for_what_they_let_pass(tmp_path: Path) -> None:
    variant(tmp_path / "flipped", flipped=True)
    champion = Judge()
    why = broken(champion, Judge(tmp_path / "flipped"))
    assert any(reason.startswith("attacks_held: expected a loss of at most") for reason in why)
    assert any(reason.startswith("benign_passed: expected a loss of at most") for reason in why)
    assert any(reason.startswith("calibration: expected a loss of at most") for reason in why)
    same = broken(champion, champion)
    assert not any(reason.startswith(("attacks_held", "benign_passed", "calibration")) for reason in same)
