"""表的构件: the metadata every table belongs to, and columns in short words.

Times are milliseconds since 1970 UTC. Bodies are the sender's bytes, zstd-compressed.
"""

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text

metadata = MetaData()


def string(name: str, *, null: bool = False) -> Column[str]:
    """A text."""
    return Column(name, Text, nullable=null)


def number(name: str, *, null: bool = False) -> Column[int]:
    """A whole number of 64 bits."""
    return Column(name, BigInteger, nullable=null)


def blob(name: str, *, null: bool = False) -> Column[bytes]:
    """Bytes."""
    return Column(name, LargeBinary, nullable=null)


def table(name: str, key: tuple[str, ...], *columns: Column[int] | Column[str] | Column[bytes]) -> Table:
    """A table with its primary key."""
    return Table(name, metadata, *columns, PrimaryKeyConstraint(*key, name=f"pk_{name}"))
