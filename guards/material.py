"""What of a conversation is judged, and as what: the texts that the encoder and the rules see."""

import re
from dataclasses import dataclass

from guards.normalize import canonical, views
from guards.verdict import Context, Stage

_REQUEST_CHARS = 600
_PRECEDING_TOKENS = 256
_PRECEDING_CHARS = 16_384  # no token of words or marks is so long that 256 of them need more
# A word or a run of marks is at least one token to every tokenizer, so that many of them are at least as many tokens.
_PIECE = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*|(?:[^\w\s]|_)+")

Views = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Material:
    """Every text in all its views.

    turns: what the user wrote, turn by turn; the last one is to be answered. joined: all turns as one text.
    others: what the client says that others said. carried: the whole conversation, or an answer with its request.
    hidden: of an answer, the views that a plain reader does not see.
    """

    turns: tuple[Views, ...] = ()
    joined: Views = ()
    others: Views = ()
    carried: Views = ()
    hidden: Views = ()

    @property
    def asked(self) -> Views:
        """What is judged as the user's own words: the last turn, and all turns together."""
        return (*self.turns[-1], *self.joined) if self.turns else ()

    @property
    def texts(self) -> Views:
        """All that the encoder scores, each text once."""
        turns = (view for turn in self.turns for view in turn)
        return tuple(dict.fromkeys((*turns, *self.joined, *self.others, *self.carried)))


def gather(text: str, stage: Stage, context: Context) -> Material:
    """The material of one check."""
    return _prompt(text, context) if stage is Stage.PROMPT else _answer(text, context)


def _prompt(text: str, context: Context) -> Material:
    turns = context.history or (text,)
    joined = "\n".join(turns)
    return Material(
        turns=tuple(views(turn) for turn in turns),
        joined=views(joined) if len(turns) > 1 else (),
        others=tuple(view for other in dict.fromkeys(context.others) for view in views(other)),
        carried=() if text.split() == joined.split() else views(text),
    )


def _answer(text: str, context: Context) -> Material:
    """A window is judged beside its request, and beside what went before: two texts, so that each is near to it."""
    read = tuple(dict.fromkeys((canonical(text), *views(text))))
    request = _ends(context.request)
    carried = [f"{request}\n\n{view}".strip() for view in read]
    if context.preceding:
        carried.append(canonical(f"{last_tokens(context.preceding, _PRECEDING_TOKENS)}{text}"))
    hidden = tuple(view for view in read if view.split() != text.split())
    return Material(carried=tuple(dict.fromkeys(carried)), hidden=hidden)


def last_tokens(text: str, count: int) -> str:
    """The end of a text that holds at least so many tokens, or all of a shorter one; looks at no more than it must."""
    for most in (_PRECEDING_CHARS // 8, _PRECEDING_CHARS):
        end = text[-most:]
        starts = [piece.start() for piece in _PIECE.finditer(end)]
        if len(starts) > count:  # one more than asked: the first may be cut
            return end[starts[-count] :]
    return text[-_PRECEDING_CHARS:]


def _ends(request: str) -> str:
    """A long request by its beginning and its end; it was judged in full before the answer began."""
    if len(request) <= _REQUEST_CHARS:
        return request
    return f"{request[: _REQUEST_CHARS // 3]}\n{request[-_REQUEST_CHARS * 2 // 3 :]}"
