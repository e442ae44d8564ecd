"""The prompt of `audit.query`: statements end with `;`, commands begin with a dot. Also reads them from a pipe.

Lines can be recalled while the prompt lasts and are written nowhere.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from audit import render
from audit.errors import AuditError, QueryRefused

if TYPE_CHECKING:
    import pyarrow as pa

HELP = """\
A statement is one SELECT and ends with `;`. Each runs in a fresh process.
.views          list the views
.columns VIEW   list the columns of a view
.help           this text
.quit           leave (or end of input)"""
VIEWS = "select view_name as view, comment as holds from duckdb_views() where comment is not null order by view_name"
COLUMNS = """select column_name as column, data_type as type from duckdb_columns()
where table_name = '{}' order by column_index"""
# what may hold a semicolon that ends nothing: strings, quoted names, dollar quotes, comments
_TOKEN = re.compile(
    r"""'(?:[^']|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z) | (\$\w*\$).*?(?:\1|\Z) | --[^\n]* | /\*.*?(?:\*/|\Z) | ; | .""",
    re.DOTALL | re.VERBOSE,
)


def split(text: str) -> tuple[list[str], str]:
    """The statements that end in `text`, without their semicolons, and what follows the last of them."""
    ended, start = [], 0
    for token in _TOKEN.finditer(text):
        if token[0] == ";":
            ended.append(text[start : token.start()])
            start = token.end()
    return [statement for statement in ended if statement.strip()], text[start:]


def run(ask: Callable[[str], pa.Table], form: str) -> int:
    """Answer statements from stdin until it ends. Exit 0; from a pipe, the worst of what its statements came to."""
    interactive = sys.stdin.isatty()
    worst = 0
    if interactive:
        with suppress(ImportError):
            import readline  # noqa: F401 - line editing and recall for input()
        print("Preceptor's log. `.help` for help, `.views` for what there is to ask.")
    for statement in _interactive() if interactive else _piped():
        if statement.split() == [".quit"]:
            break
        try:
            _answer(ask, statement, form)
        except BrokenPipeError:
            raise
        except (AuditError, OSError) as error:
            worst = max(worst, render.tell(error))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
        sys.stdout.flush()
    return 0 if interactive else worst


def _answer(ask: Callable[[str], pa.Table], statement: str, form: str) -> None:
    name, *rest = statement.split()
    if name == ".help":
        print(HELP)
    elif name == ".views":
        render.show(ask(VIEWS), form)
    elif name == ".columns" and len(rest) == 1 and rest[0].isidentifier():
        render.show(ask(COLUMNS.format(rest[0])), form)
    elif name.startswith("."):
        raise QueryRefused(f"{name}: expected .views, .columns VIEW, .help or .quit")
    else:
        render.show(ask(statement), form)


def _interactive() -> Iterator[str]:
    rest = ""
    while True:
        try:
            line = input("   ...> " if rest.strip() else "audit> ")
        except EOFError:
            print()
            return
        except KeyboardInterrupt:
            print()
            rest = ""
            continue
        found, rest = _take(rest, line + "\n")
        yield from found


def _piped() -> Iterator[str]:
    rest = ""
    for line in sys.stdin:
        found, rest = _take(rest, line)
        yield from found
    if rest.strip():
        yield rest


def _take(rest: str, line: str) -> tuple[list[str], str]:
    """Commands and whole statements, once `line` follows `rest`; and what is left to be finished."""
    if not rest.strip() and line.lstrip().startswith("."):
        return [line.strip()], ""
    return split(rest + line)
