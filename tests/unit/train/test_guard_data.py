"""The guard's training rows: licences, splits, and that no disguise is a class of its own."""

import os
from collections import Counter
from pathlib import Path

import pytest

from train import guard_data

DATA = Path(os.environ.get("PRECEPTOR_DATA", "../shared/data"))


@pytest.fixture(scope="module")
def rows() -> list[guard_data.Row]:
    if not (DATA / "prompts").is_dir():
        pytest.xfail("not run: no data (2 tests)")
    return guard_data.rows(DATA)


def test_only_licensed_sources_are_trained_on():
    for source in guard_data.SOURCES:
        cleared = not any(word in source.licence for word in ("none", "not verified"))
        assert cleared or source.split == "test", source.name


def test_splits_share_no_text_and_every_class_is_taught(rows):
    held_out = {row.text.casefold() for row in rows if row.split != "train"}
    train = [row for row in rows if row.split == "train"]
    assert not held_out & {row.text.casefold() for row in train}
    intents = Counter(row.intent for row in train)
    assert all(intents[kind] > 1000 for kind in range(4))
    assert sum(row.override == 1 for row in train) > 1000


def test_rows_are_the_same_each_time(rows):
    assert rows == guard_data.rows(DATA)
