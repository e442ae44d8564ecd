"""The tables of record kinds in docs/audit-format.md, from the code; `python -m tests.golden.tables` prints them."""

import inspect
import types
import typing
from typing import Any, Literal

from audit import fields, shapes
from audit.fields import Shape
from audit.kinds import TEXT_ALLOWED, TEXT_REQUIRED, Kind

NAMED = {
    "name": fields.Name, "count": fields.Count, "int": fields.Signed, "ppm": fields.Ppm, "digest": fields.Digest,
    "verdict": fields.Decided, "param": fields.Parameter,
}  # fmt: skip


def _doc(shape: type[Shape]) -> str:
    return " ".join((inspect.getdoc(shape) or "").split())


def kinds_table() -> str:
    """One row per kind: whether text goes with it, its fields, what it means."""
    rows = [
        f"| `{kind}` | {_text(kind)} | `{_shape(shape)}` | {_doc(shape)} |" for kind, shape in shapes._SHAPES.items()
    ]
    return "\n".join(["| kind | text | fields | means |", "|---|---|---|---|", *rows])


def parts_table() -> str:
    """One row per object that occurs within fields."""
    rows = [f"| `{part.__name__}` | `{_shape(part)}` | {inspect.getdoc(part)} |" for part in _parts()]
    return "\n".join(["| part | fields | means |", "|---|---|---|", *rows])


def _text(kind: Kind) -> str:
    return "yes" if kind in TEXT_REQUIRED else "may" if kind in TEXT_ALLOWED else "no"


def _parts() -> list[type[Shape]]:
    """Shapes that occur in another one, as they are or in a list."""
    found: set[type[Shape]] = set()
    for shape in shapes._SHAPES.values():
        for hint in typing.get_type_hints(shape, include_extras=True).values():
            inner = typing.get_args(hint)[0] if typing.get_origin(hint) is list else hint
            if inspect.isclass(inner) and issubclass(inner, Shape):
                found.add(inner)
    return sorted(found, key=lambda part: part.__name__)


def _shape(shape: type[Shape]) -> str:
    hints = typing.get_type_hints(shape, include_extras=True)
    return ", ".join(
        f"{name}{'' if info.is_required() else '?'} {_type(hints[name])}" for name, info in shape.model_fields.items()
    )


def _type(hint: Any) -> str:
    """A type in the notation of the document."""
    for name, known in NAMED.items():
        if hint == known:
            return name
    arguments, origin = typing.get_args(hint), typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        (inner,) = [one for one in arguments if one is not types.NoneType]
        return f"{_type(inner)}?"
    if origin is Literal:
        return "/".join(f"={value}" for value in arguments)
    if origin is list:
        return f"[{_type(arguments[0])}]"
    if origin is dict and arguments[0] == fields.Name:
        return f"{{{_type(arguments[1])}}}"
    if origin is typing.Annotated and arguments[0] is str:
        return "short"
    if hint is bool or (inspect.isclass(hint) and issubclass(hint, Shape)):
        return str(hint.__name__)
    raise TypeError(f"no notation for {hint}")


if __name__ == "__main__":
    print(kinds_table(), parts_table(), sep="\n\n")
