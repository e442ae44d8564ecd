"""Chat template and tokenizer of one model folder: messages in, token ids out, text back.

Light on purpose (no torch, no transformers), so that the Gateway can count and encode a prompt once.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

# What stands before every conversation, when the tutor is taught as well as when it is asked.
SYSTEM = (
    "You are Preceptor, a security tutor. Explain clearly and correctly how attacks work in principle, how they are "
    "noticed and how they are prevented. Be concise. If you do not know, say so."
)


_NAMED = ("bos_token", "eos_token", "pad_token")


class BadConversation(Exception):
    """Turns in an order that a model's chat template refuses, such as two questions in a row."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as the model sees it; `role` is system, user or assistant."""

    role: str
    content: str


class ChatFormat:
    """Encodes conversations for one model; the text of a message can never become a control token."""

    def __init__(
        self, tokenizer: Tokenizer, template: Template, context: int, ends: Sequence[int], tokens: Mapping[str, str]
    ) -> None:
        self.context = context
        self.stop_ids = frozenset(ends)
        self._end = ends[0]
        self._tokenizer = tokenizer
        self._template = template
        self._tokens = dict(tokens)
        self._control = [token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special]

    @classmethod
    def load(cls, folder: Path) -> "ChatFormat":
        """Read tokenizer.json, chat_template.jinja and config.json of a Hugging Face folder."""
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # Chat templates are text for a language model, not HTML; the sandbox keeps them from running code.
        jinja = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, autoescape=False)
        template = jinja.from_string((folder / "chat_template.jinja").read_text())
        config = json.loads((folder / "config.json").read_text())
        names = json.loads((folder / "tokenizer_config.json").read_text())
        tokens = {key: _content(names[key]) for key in _NAMED if names.get(key)}
        ends = [tokenizer.token_to_id(tokens[key]) for key in ("eos_token", "pad_token") if key in tokens]
        context = int(config["max_position_embeddings"])
        return cls(tokenizer, template, context, [end for end in ends if end is not None], tokens)

    def encode(self, turns: Sequence[Turn]) -> list[int]:
        """Token ids of the conversation plus the opening of the assistant's turn."""
        messages = [{"role": turn.role, "content": self._defuse(turn.content)} for turn in turns]
        # what transformers hands to a template; a model that can think aloud answers at once
        more = self._tokens | {"raise_exception": _refuse, "enable_thinking": False}
        text = self._template.render(messages=messages, add_generation_prompt=True, **more)
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def preamble(self, system: str) -> list[int]:
        """The tokens with which every conversation begins whose first turn is this one."""
        asked = [self.encode([Turn("system", system), Turn("user", text)]) for text in ("a", "1", " ", "\n\n")]
        return [tokens[0] for tokens in itertools.takewhile(lambda at: len(set(at)) == 1, zip(*asked, strict=False))]

    def encode_answer(self, answer: str) -> list[int]:
        """Token ids of an assistant's turn as a model is to write it: the text, and the token that ends it."""
        return [*self._tokenizer.encode(self._defuse(answer), add_special_tokens=False).ids, self._end]

    def first(self, answer: str) -> int:
        """The token that an answer with this text begins with."""
        return int(self._tokenizer.encode(answer, add_special_tokens=False).ids[0])

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids, control tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def _defuse(self, text: str) -> str:
        """Break up control tokens that a user typed, e.g. an <|im_end|> that would open a forged turn."""
        for token in self._control:
            if token in text:
                text = text.replace(token, f"{token[:1]} {token[1:]}")
        return text


def _content(token: str | dict[str, str]) -> str:
    """A token of tokenizer_config.json, which may be told with its properties."""
    return token if isinstance(token, str) else token["content"]


def _refuse(told: str) -> None:
    raise BadConversation(f"the model's chat template does not take this conversation: {told}")


class Detokenizer:
    """Turns a growing list of ids into text; gives out only what later tokens cannot change (UTF-8 tails wait)."""

    def __init__(self, chat: ChatFormat) -> None:
        self._chat = chat
        self._ids: list[int] = []
        self._start = 0
        self._read = 0

    def push(self, token: int) -> str:
        """Text that this token completes; empty while a multi-byte character is open."""
        self._ids.append(token)
        before = self._chat.decode(self._ids[self._start : self._read])
        now = self._chat.decode(self._ids[self._start :])
        if now.endswith("\ufffd"):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return now[len(before) :]

    def flush(self) -> str:
        """What is still held when generation ends."""
        before = self._chat.decode(self._ids[self._start : self._read])
        return self._chat.decode(self._ids[self._start :])[len(before) :]
