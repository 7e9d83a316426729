"""输出: a table for people, or one JSON document on stdout for programs; everything else goes to stderr."""

import sys
from collections.abc import Sequence

import orjson
from rich.console import Console
from rich.table import Table

err = Console(stderr=True)


def print_json(document: object) -> None:
    """The one JSON document of a command."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on stdout."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    Console().print(table)
