"""事项检索: one index over what every item says, FTS5 on SQLite and tsvector on PostgreSQL, from the same tokens.

Rows come in the order of item_id, so a page is a range of ids and nothing is counted or sorted. Revisions that have
ended leave the index at the next publishing; until then their days keep them out of the answer.
"""

import re
from datetime import date

from gateway.domain.item_words import EVERY, Terms, plain
from gateway.storage.database import Database, Transaction
from gateway.storage.items import CONTENT, HEAD, IN_FORCE, Stored, stored
from gateway.storage.sql import SQL
from schemas.service_item import ItemStatus

_SQLITE = SQL(
    f"SELECT {HEAD}, c.demo, c.body FROM item_search s CROSS JOIN items i ON i.item_id = s.rowid {CONTENT} "  # noqa: S608 - constants
    f"WHERE s.item_search MATCH ? AND s.rowid > ? AND {IN_FORCE} ORDER BY s.rowid LIMIT ?"
)
_POSTGRESQL = (
    f"SELECT {HEAD}, c.demo, c.body FROM items i %s{CONTENT} "  # noqa: S608 - as above
    f"WHERE i.searchable = 1 AND i.item_id > ?%s AND {IN_FORCE} ORDER BY i.item_id LIMIT ?"
)
_WORDS = "JOIN item_search s ON s.item_id = i.item_id AND s.words @@ '%s'::tsquery "
"""The condition stands in the text: only then does the planner know whether it is common, and a page then comes
from the ids in order, or rare, and it comes from the index. As a parameter it cost 50 to 100 ms a page.
"""
_STATUSES = {f"k{plain(status)}": status.value for status in ItemStatus}
_IS_CITY = re.compile(r"c[0-9]{6}")
_HARMLESS = re.compile(r"[a-z0-9 &|()<>:*\-]+")
_ENDED = "i.searchable = 1 AND i.until_day IS NOT NULL AND i.until_day <= ?"
_DROP_SQLITE = SQL(
    "INSERT INTO item_search (item_search, rowid, tokens) "  # noqa: S608 - as above
    f"SELECT 'delete', i.item_id, c.tokens FROM items i {CONTENT} WHERE {_ENDED}"
)
_DROP_POSTGRESQL = SQL(f"DELETE FROM item_search WHERE item_id IN (SELECT i.item_id FROM items i WHERE {_ENDED})")  # noqa: S608
_MARK_DROPPED = SQL(f"UPDATE items AS i SET searchable = 0 WHERE {_ENDED}")  # noqa: S608 - as above
_NEW = f"FROM items i {CONTENT} WHERE i.item_id > ? AND i.searchable = 1 ORDER BY i.item_id"
_ADD_SQLITE = SQL(f"INSERT INTO item_search (rowid, tokens) SELECT i.item_id, c.tokens {_NEW}")
_ADD_POSTGRESQL = SQL(
    f"INSERT INTO item_search (item_id, words) SELECT i.item_id, to_tsvector('simple', c.tokens) {_NEW}"
)


async def search(db: Database, terms: Terms, day: date, after: int, limit: int) -> list[Stored]:
    """A page of revisions in force on `day` that fit `terms`, by item_id above `after`."""
    text = day.isoformat()
    if db.name == "sqlite":
        rows = await db.fetch(_SQLITE, fts5(terms), after, text, text, limit)
    else:
        rows = await db.fetch(SQL(postgresql(terms)), after, text, text, limit)
    return [stored(row) for row in rows]


def postgresql(terms: Terms) -> str:
    """The statement for PostgreSQL. City and status are columns there: a city's ids lie together in an index."""
    columns, rest = [], []
    for token in terms.all_of:
        if _IS_CITY.fullmatch(token):
            columns.append(f" AND i.city = '{token[1:]}'")
        elif token in _STATUSES:
            columns.append(f" AND i.status = '{_STATUSES[token]}'")
        elif token != EVERY:
            rest.append(token)
    query = tsquery(Terms(tuple(rest), terms.any_of))
    return _POSTGRESQL % (_WORDS % _literal(query) if query else "", "".join(columns))


def _literal(query: str) -> str:
    """Tokens and operators only, so that nothing can end the literal."""
    if _HARMLESS.fullmatch(query) is None:
        raise ValueError("a search condition holds more than tokens")
    return query


def fts5(terms: Terms) -> str:
    """The condition in the words of SQLite's FTS5. Tokens are letters and digits, so nothing needs quoting."""
    either = " OR ".join(f"({' + '.join(_starred(token) for token in phrase)})" for phrase in terms.any_of)
    return " AND ".join((*([f"({either})"] if either else []), *terms.all_of))


def _starred(token: str) -> str:
    return f"{token[:-1]} *" if token.endswith("*") else token


def tsquery(terms: Terms) -> str:
    """The condition in the words of PostgreSQL's text search."""
    either = " | ".join(f"({' <-> '.join(token.replace('*', ':*') for token in phrase)})" for phrase in terms.any_of)
    return " & ".join((*([f"({either})"] if either else []), *terms.all_of))


async def drop_ended(tx: Transaction, today: str) -> None:
    """Take out of the index what is no longer in force on `today`."""
    await tx.execute(_DROP_SQLITE if tx.name == "sqlite" else _DROP_POSTGRESQL, today)
    await tx.execute(_MARK_DROPPED, today)


async def add(tx: Transaction, above: int) -> None:
    """Put revisions with an item_id above `above` into the index."""
    await tx.execute(_ADD_SQLITE if tx.name == "sqlite" else _ADD_POSTGRESQL, above)
