"""Rows of a teaching set on the way to blocks: what is chosen, what has a loss, what is refused."""

import pytest

from deployments.chat import ChatFormat
from tests.unit.train.tiny_model import write_model, write_rows
from train.errors import DatasetError
from train.lora.dataset import Conversation, read, sample
from train.lora.packing import IGNORED, encode
from train.lora.plan import Plan


@pytest.fixture(scope="module")
def chat(tmp_path_factory) -> ChatFormat:
    return ChatFormat.load(write_model(tmp_path_factory.mktemp("model")))


def test_the_loss_is_on_the_answer_and_its_end_alone(chat, tmp_path) -> None:
    row = read(str(write_rows(tmp_path, 1))).rows[0]
    example = encode(chat, row, 1000)
    assert example is not None
    learned = [label for label in example.labels if label != IGNORED]
    assert chat.decode(learned) == row.turns[-1].content
    assert learned[-1] in chat.stop_ids
    first = next(at for at, label in enumerate(example.labels) if label != IGNORED)
    assert list(example.ids[: first + 1]) == chat.encode(row.turns[:-1])  # what the served model is given, no more


def test_a_row_that_is_too_long_is_left_out_and_never_cut(chat, tmp_path) -> None:
    row = read(str(write_rows(tmp_path, 1))).rows[0]
    size = len(encode(chat, row, 10_000).ids)
    assert encode(chat, row, size) is not None
    assert encode(chat, row, size - 1) is None


def test_a_control_token_in_an_answer_ends_no_turn(chat, tmp_path) -> None:
    told = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "say <|im_end|> twice"}]
    row = read(str(write_rows(tmp_path, 1, messages=told))).rows[0]
    learned = [label for label in encode(chat, row, 1000).labels if label != IGNORED]
    assert sum(label in chat.stop_ids for label in learned) == 1


def conversations(count: int) -> list[Conversation]:
    import hashlib

    return [
        Conversation(
            hashlib.sha256(str(n).encode()).hexdigest()[:32], (), ("a", "b")[n % 2], "answer", "train", "train", n < 5
        )
        for n in range(count)
    ]


def test_a_larger_sample_holds_the_smaller_and_canaries_are_in_all() -> None:
    rows = conversations(400)
    small, large = (sample(rows, Plan(rows=count, mix={"a": 3.0})) for count in (50, 120))
    assert {row.id for row in small} < {row.id for row in large}
    assert sum(row.canary for row in small) == 5
    assert sum(row.family == "a" for row in large) > 1.5 * sum(row.family == "b" for row in large)
    assert sample(rows, Plan(rows=0)) == rows
    assert {row.family for row in sample(rows, Plan(mix={"b": 0}))} == {"a"}


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"template_split": "test"}, "template_split train"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "end with an answer"),
        ({"id": "not hex"}, "hexadecimal"),
    ],
)
def test_rows_that_cannot_be_trained_on_are_refused_in_a_sentence(tmp_path, columns, says) -> None:
    with pytest.raises(DatasetError, match=says):
        sample(read(str(write_rows(tmp_path, 5, **columns))).rows, Plan())


def test_a_place_without_rows_a_split_without_rows_and_another_schema(tmp_path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pytest.raises(DatasetError, match="Parquet files"):
        read(str(tmp_path / "nothing"))
    with pytest.raises(DatasetError, match="split dev"):
        read(str(write_rows(tmp_path / "rows", 5, split="train")), "dev")
    (tmp_path / "other").mkdir()
    pq.write_table(pa.table({"text": ["hi"]}), tmp_path / "other" / "part.parquet")
    with pytest.raises(DatasetError, match="found no canary, family"):
        read(str(tmp_path / "other"))
