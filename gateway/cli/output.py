"""输出: a table for people, or one JSON document on stdout for programs; everything else goes to stderr."""

import sys
from collections.abc import Sequence

import orjson
from rich import box
from rich.console import Console
from rich.table import Table

err = Console(stderr=True)
_FILE_WIDTH = 190


def print_json(document: object) -> None:
    """The one JSON document of a command."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout."""
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        # the first two columns give way on a narrow screen, the others stay whole
        table.add_column(column, overflow="ellipsis" if number < 2 else "fold", no_wrap=number < 2, min_width=6)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console = Console()
    (console if console.is_terminal else Console(width=_FILE_WIDTH)).print(table)
