"""The sanitizer's rows: sides that share no template, labels where they say; and a fit of a few steps."""

import json
import os
from pathlib import Path

import pytest

from train import fit_sanitizer, sanitizer_data
from train.sanitizer_data import Example, side, templates
from train.sanitizer_slots import Names, Slots

DATA = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data"))
NAMES = Names(("Widget",), ("Acme",), ("Foo",), ("Bar Group",), ("Phishing",), ("CVE-2021-44228",))


@pytest.fixture(scope="module")
def made() -> list[Example]:
    return list(sanitizer_data.generated(Slots(NAMES), copies=2))


def test_labels_stand_where_they_say(made: list[Example]) -> None:
    for row in made:
        last = 0
        for start, end, _ in row.spans:
            assert last <= start < end <= len(row.text)
            last = end
        assert "{" not in row.template or row.text != row.template
    some = next(row for row in made if row.template.startswith("Employee {id}"))
    assert [label for _, _, label in some.spans] == ["ID", "PERSON", "ORGANIZATION", "IBAN"]


def test_the_same_seed_gives_the_same_documents(made: list[Example]) -> None:
    assert list(sanitizer_data.generated(Slots(NAMES), copies=2)) == made


def test_one_kind_is_never_trained_on_and_every_kind_has_a_dozen_templates() -> None:
    kinds = [kind for kind, _ in templates()]
    assert len(set(kinds)) >= 9
    assert all(kinds.count(kind) >= 12 for kind in kinds)
    rows = list(sanitizer_data.generated(Slots(NAMES), copies=1))
    assert {row.split for row in rows if row.kind == sanitizer_data.UNSEEN} == {"unseen"}
    assert {row.split for row in rows if row.kind != sanitizer_data.UNSEEN} == {"train", "dev", "test"}
    assert {side(text) for _, text in templates()} == {"train", "dev", "test"}


def test_templates_of_both_presidio_sets_stand_on_one_side() -> None:
    if not DATA.is_dir():
        pytest.skip("not run: no data (2 tests)")
    rows = sanitizer_data.presidio(DATA)
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row.template, set()).add(row.split)
    assert all(len(each) == 1 for each in sides.values())
    assert {row.split for row in rows} == {"train", "dev", "test"}


def test_a_fit_of_a_few_steps_writes_weights_that_load(tmp_path: Path) -> None:
    if not DATA.is_dir():
        pytest.skip("not run: no data (2 tests)")
    given = ["--data", str(DATA), "--out", str(tmp_path), "--num-workers", "0", "--epochs", "1", "--rows", "40"]
    assert fit_sanitizer.main(given) == 0
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["training"]["unseen"] == sanitizer_data.UNSEEN
    from guards.tagger import CLASSES, Tagger

    tokens = Tagger.load(tmp_path).tag("Jane Doe was here, twice. " * 40)
    assert tokens.chances.shape == (len(tokens.offsets), len(CLASSES))
    assert tokens.chances.sum(1).allclose(tokens.chances.new_ones(len(tokens.offsets)), atol=1e-4)
    (tmp_path / "tagger.safetensors").write_bytes(b"altered")
    from guards.errors import WeightsError

    with pytest.raises(WeightsError, match="tagger: expected digest"):
        Tagger.load(tmp_path)
