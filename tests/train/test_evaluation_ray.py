"""Ray's workers give the answers that one process gives."""

import pytest

from tests.unit.train.evaluation_sets import write_public, write_teaching
from tests.unit.train.tiny_model import write_model
from train.evaluation import answering
from train.evaluation.answering import Side
from train.evaluation.running import gather
from train.evaluation.transcript import Transcript
from train.placement import PlacementError


def test_two_workers_say_what_one_process_says(cluster, tmp_path):
    side = Side("before", write_model(tmp_path / "model"), None, "m" * 64)
    items = gather(
        str(write_teaching(tmp_path / "set", each=3)), write_public(tmp_path / "data", each=3), "smoke"
    ).items
    items = [item for item in items if item.tokens < 100]  # lessons are the longest answers, and no other in kind
    found = []
    for workers in (0, 2):
        folder = tmp_path / f"out-{workers}"
        folder.mkdir()
        transcript = Transcript.open(folder, side.digest, "s" * 64)
        answering.answer_all(side, items, transcript, workers, lambda _: None)
        found.append(transcript.said)
    assert found[0] == found[1]
    assert len(found[0]) == len(items)


def test_more_workers_than_fit_are_refused_before_anything(cluster):
    with pytest.raises(PlacementError, match="no room for 9 workers"):
        answering.require_room(9, timeout_s=1)
