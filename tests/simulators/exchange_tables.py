"""The tables of 梅州's exchange database 前置库 (docs/wire-formats.md §3)."""

from contextlib import suppress

from sqlalchemy import (
    Column,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.exc import DBAPIError

TABLES = MetaData()


def _table(name: str, *columns: Column[str] | Column[int] | Column[bytes]) -> Table:
    return Table(
        name,
        TABLES,
        Column("row_guid", String(36), primary_key=True),
        Column("cd_operation", String(1)),
        Column("cd_time", String(15)),
        Column("cd_batch", String(32)),
        Column("data_source", String(12)),
        *columns,
    )


def _text(*names: str) -> list[Column[str]]:
    return [Column(name, Text) for name in names]


def _number(*names: str) -> list[Column[int]]:
    return [Column(name, Integer) for name in names]


_ATTACH = ("attach_name", "attach_sha256")

ACCEPT = _table(
    "up_pro_accept",
    *_text("outer_no", "catalog_code", "task_code", "task_name", "project_name", "project_type", "apply_date"),
    *_text("apply_type", "applyer_name", "applyer_type", "applyer_page_type", "applyer_page_code"),
    *_text("contact_name", "contact_mobile", "apply_area", "accept_area", "finish_area", "identity_method"),
    *_text("form_json"),
    *_number("material_count"),
    *_text("ack_time", "ack_code", "ack_message", "project_no"),
)
MATERIAL = _table(
    "up_pro_material",
    *_text("outer_no", "material_code", "material_name", "get_type", *_ATTACH),
    *_number("get_num", "attach_size"),
    Column("attach", LargeBinary),
)
FOLLOW = _table(
    "up_pro_follow",
    *_text("outer_no", "project_no", "follow_type", "follow_time", "follow_reason"),
    *_number("material_count"),
    *_text("ack_time", "ack_code", "ack_message"),
)
FOLLOW_MATERIAL = _table(
    "up_pro_follow_material",
    Column("follow_guid", String(36)),
    *_text("outer_no", "material_code", "material_name", "get_type", *_ATTACH),
    *_number("get_num", "attach_size"),
    Column("attach", LargeBinary),
)
PROCESS = _table(
    "up_pro_process",
    *_text("outer_no", "project_no", "process_name", "event_name", "event_code", "event_time", "handle_explain"),
    *_number("process_no"),
    *_text("ack_time"),
)
RESULT = _table(
    "up_pro_result",
    *_text("outer_no", "project_no", "result_date", "result_type", "result_explain"),
    *_text("result_cetr_name", "result_cetr_no", "ack_time"),
    *_number("file_count"),
)
RESULT_FILE = _table(
    "up_pro_result_file",
    Column("result_guid", String(36)),
    *_text("outer_no", *_ATTACH),
    *_number("attach_size"),
    Column("attach", LargeBinary),
)
# 对账: every case with its number and the last thing that happened to it.
_STATE = """
create view v_pro_state as
select distinct a.data_source, a.outer_no, a.project_no, a.ack_time as taken_time,
  coalesce(
    (select 'R' || max(r.result_type) from up_pro_result r where r.outer_no = a.outer_no),
    (select 'P' || max(p.event_code) from up_pro_process p where p.outer_no = a.outer_no
      and p.process_no = (select max(q.process_no) from up_pro_process q where q.outer_no = a.outer_no)),
    'A' || a.ack_code) as state_code
from up_pro_accept a where a.project_no is not null
"""

Index("up_pro_accept_ack", ACCEPT.c.ack_time)
Index("up_pro_material_outer", MATERIAL.c.outer_no)
Index("up_pro_follow_ack", FOLLOW.c.ack_time)
Index("up_pro_follow_material_follow", FOLLOW_MATERIAL.c.follow_guid)
Index("up_pro_process_ack", PROCESS.c.ack_time)
Index("up_pro_result_ack", RESULT.c.ack_time)
Index("up_pro_result_file_result", RESULT_FILE.c.result_guid)


def open_exchange(url: str) -> Engine:
    """An engine on the exchange database, its tables made where they are missing."""
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": 30})
        event.listen(engine, "connect", _write_ahead)
    else:
        engine = create_engine(url, pool_pre_ping=True)
    try:
        TABLES.create_all(engine)
    except DBAPIError:  # the other side was making them at the same moment
        TABLES.create_all(engine)
    _create_view(engine)
    return engine


def _create_view(engine: Engine) -> None:
    if "v_pro_state" in inspect(engine).get_view_names():
        return
    with suppress(DBAPIError), engine.begin() as connection:  # the other side may be making it
        connection.execute(text(_STATE))


def _write_ahead(connection: object, record: object) -> None:
    """Readers and the writer do not stop each other."""
    getattr(connection, "execute")("pragma journal_mode=WAL")  # noqa: B009 - any DBAPI connection
