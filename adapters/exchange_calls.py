"""编译后的前置库操作: what a profile says of an exchange database, with every expression compiled."""

from collections.abc import Mapping
from typing import Any

from adapters.dialect import Compiler, Place
from adapters.exchange_operations import ExchangeOperations, SubmitTable
from adapters.listing import Listing
from adapters.operations import ReportMap

Row = dict[str, Any]


class SubmitRows:
    """报文的行: of one kind of message. Raises DialectError."""

    def __init__(self, table: SubmitTable, compiler: Compiler, place: Place) -> None:
        self.table = table
        self._row = compiler.tree(table.row, (*place, "row"))
        self._material_row = compiler.tree(table.materials.row, (*place, "materials", "row"))

    def rows(self, words: Mapping[str, Any]) -> tuple[Row, list[Row]]:
        """The row of the message and those of its materials; contents are not in them. Raises Unmappable."""
        materials = [self._material_row({**words, "material": material}) for material in words["materials"]]
        return self._row(words), materials


class ExchangeCalls:
    """前置库操作; `reports` are the profile's, whose codes a listing may share. Raises DialectError."""

    def __init__(self, exchange: ExchangeOperations, compiler: Compiler, reports: Mapping[str, ReportMap]) -> None:
        place: Place = ("exchange_database",)
        self.submit = SubmitRows(exchange.submit, compiler, (*place, "submit"))
        self.follow_up: SubmitRows | None = None
        if exchange.follow_up is not None:
            self.follow_up = SubmitRows(exchange.follow_up, compiler, (*place, "follow_up"))
        self.done = {
            name: compiler.expressions(source.done, (*place, "sources", name, "done"))
            for name, source in exchange.sources.items()
        }
        self.listed: Listing | None = None
        if exchange.listing is not None:
            here: Place = (*place, "listing")
            self.listed = Listing(exchange.listing.case, reports, compiler, (*here, "case"))
            self.day_begins = compiler.expression(exchange.listing.day.begins, (*here, "day", "begins"))
            self.day_ends = compiler.expression(exchange.listing.day.ends, (*here, "day", "ends"))
