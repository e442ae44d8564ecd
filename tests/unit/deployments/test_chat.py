"""Chat templates of other model families: named tokens, refusals of a conversation, thinking switched off."""

import json
from pathlib import Path

import pytest

from deployments.chat import BadConversation, ChatFormat, Turn
from tests.unit.train.tiny_model import write_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "tiny")


def test_a_template_gets_the_tokens_that_it_names_however_they_are_told(folder) -> None:
    names = json.loads((folder / "tokenizer_config.json").read_text())
    names["bos_token"] = {"content": names["bos_token"], "lstrip": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    (folder / "chat_template.jinja").write_text(
        "{{ bos_token }}{% for m in messages %}{{ m.content }}{{ eos_token }}{% endfor %}"
        "{% if enable_thinking is defined and enable_thinking is false %}no thoughts{% endif %}"
    )
    chat = ChatFormat.load(folder)
    ids = chat.encode([Turn("user", "hi")])
    assert ids[0] == 0
    assert 1 in ids
    assert chat.decode(ids) == "hino thoughts"


def test_a_conversation_that_a_template_refuses_is_told_apart_from_a_fault(folder) -> None:
    (folder / "chat_template.jinja").write_text("{{ raise_exception('roles must alternate') }}")
    with pytest.raises(BadConversation, match="roles must alternate"):
        ChatFormat.load(folder).encode([Turn("user", "hi")])


def test_an_answer_ends_with_the_token_that_ends_turns(folder) -> None:
    chat = ChatFormat.load(folder)
    assert chat.encode_answer("hi")[-1] in chat.stop_ids
    assert chat.decode(chat.encode_answer("hi")) == "hi"
