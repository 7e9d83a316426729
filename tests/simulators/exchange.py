"""The city's side of the exchange database: what it reads and writes, one transaction a call."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Engine, RowMapping, Table, insert, select, update

from tests.simulators import shapes
from tests.simulators.books import Upload, digest
from tests.simulators.exchange_tables import ACCEPT, MATERIAL, PROCESS, RESULT

# Columns that may differ between two deliveries of the same message.
_ENVELOPE = {"row_guid", "cd_operation", "cd_time", "cd_batch", "data_source"}
_ACK = {"ack_time", "ack_code", "ack_message", "project_no"}

_ACCEPT_SHAPE: dict[str, shapes.Rule] = {
    "row_guid": shapes.REFERENCE,
    "cd_operation": frozenset({"I"}),
    "cd_time": shapes.TIME,
    "cd_batch": shapes.SOME_TEXT,
    "data_source": shapes.DIVISION,
    "outer_no": shapes.REFERENCE,
    "catalog_code?": str,
    "task_code": shapes.SOME_TEXT,
    "task_name": str,
    "project_name?": str,
    "project_type": shapes.ONE_OR_TWO,
    "apply_date": shapes.TIME,
    "apply_type": frozenset({"0", "1", "2", "3"}),
    "applyer_name": shapes.SOME_TEXT,
    "applyer_type": shapes.ONE_OR_TWO,
    "applyer_page_type": shapes.PAPERS,
    "applyer_page_code": shapes.SOME_TEXT,
    "contact_name?": str,
    "contact_mobile?": str,
    "apply_area": shapes.DIVISION,
    "accept_area": shapes.DIVISION,
    "finish_area": shapes.DIVISION,
    "identity_method?": str,
    "form_json": shapes.SOME_TEXT,
    "material_count": int,
}
MATERIAL_SHAPE: dict[str, shapes.Rule] = {
    "row_guid": shapes.REFERENCE,
    "cd_operation": frozenset({"I"}),
    "cd_time": shapes.TIME,
    "cd_batch": shapes.SOME_TEXT,
    "data_source": shapes.DIVISION,
    "outer_no": shapes.REFERENCE,
    "material_code?": str,
    "material_name?": str,
    "get_type": shapes.ONE_OR_TWO,
    "get_num": int,
    "attach_name?": str,
    "attach_size?": int,
    "attach_sha256?": str,
}


@dataclass(frozen=True, slots=True)
class Received:
    """One up_pro_accept row with its materials; `fault` says what the wire does not allow in it."""

    row_guid: str
    our_ref: str
    sha256: str
    mode: str
    task_code: str
    files: list[Upload]
    fault: str | None


@dataclass(frozen=True, slots=True)
class Ack:
    row_guid: str
    code: str
    message: str
    project_no: str | None


class Exchange:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def unacknowledged(self) -> list[str]:
        """row_guid of rows the city has not acknowledged, oldest first."""
        found = (
            select(ACCEPT.c.row_guid).where(ACCEPT.c.ack_time.is_(None)).order_by(ACCEPT.c.cd_time, ACCEPT.c.row_guid)
        )
        with self._engine.connect() as connection:
            return list(connection.scalars(found))

    def fetch(self, guids: Sequence[str]) -> list[Received]:
        with self._engine.connect() as connection:
            accepts = connection.execute(select(ACCEPT).where(ACCEPT.c.row_guid.in_(guids))).mappings().all()
            references = {row["outer_no"] for row in accepts}
            found = connection.execute(select(MATERIAL).where(MATERIAL.c.outer_no.in_(references)))
            materials: dict[str, list[RowMapping]] = defaultdict(list)
            for row in found.mappings():
                materials[row["outer_no"]].append(row)
        by_guid = {row["row_guid"]: _received(row, materials[row["outer_no"]]) for row in accepts}
        return [by_guid[guid] for guid in guids if guid in by_guid]

    def acknowledge(self, acks: Sequence[Ack], told_at: str) -> None:
        with self._engine.begin() as connection:
            for ack in acks:
                values = {
                    "ack_time": told_at,
                    "ack_code": ack.code,
                    "ack_message": ack.message,
                    "project_no": ack.project_no,
                }
                connection.execute(update(ACCEPT).where(ACCEPT.c.row_guid == ack.row_guid).values(values))

    def insert(self, rows: Sequence[tuple[Table, Mapping[str, object]]]) -> None:
        """All `rows` in one transaction."""
        with self._engine.begin() as connection:
            for table, row in rows:
                connection.execute(insert(table).values(dict(row)))

    def stored(self, guids: Sequence[str]) -> list[str]:
        """Those of `guids`, process and result rows, that the other side has acknowledged."""
        with self._engine.connect() as connection:
            return [
                guid
                for table in (PROCESS, RESULT)
                for guid in connection.scalars(
                    select(table.c.row_guid).where(table.c.row_guid.in_(guids), table.c.ack_time.is_not(None))
                )
            ]

    def marked(self, references: Sequence[str]) -> set[str]:
        """Those of `references` whose acknowledgement the other side has taken (cd_operation A)."""
        taken = select(ACCEPT.c.outer_no).where(ACCEPT.c.outer_no.in_(references), ACCEPT.c.cd_operation == "A")
        with self._engine.connect() as connection:
            return set(connection.scalars(taken))


def _received(accept: RowMapping, materials: Sequence[RowMapping]) -> Received:
    message: dict[str, Any] = {str(name): value for name, value in accept.items() if name not in _ENVELOPE | _ACK}
    our_ref = str(message["outer_no"])
    files = [upload_of(row) for row in materials if row["attach"] is not None]
    sha256 = digest(orjson.dumps(message, option=orjson.OPT_SORT_KEYS))
    fault = _fault(accept, materials)
    return Received(
        str(accept["row_guid"]), our_ref, sha256, str(message["apply_type"]), str(message["task_code"]), files, fault
    )


def _fault(accept: RowMapping, materials: Sequence[RowMapping]) -> str | None:
    row = {name: value for name, value in accept.items() if name not in _ACK}
    if found := shapes.wrong(_ACCEPT_SHAPE, row, "up_pro_accept"):
        return f"报文格式不正确: {found}"
    if not _is_json_object(row["form_json"]):
        return "报文格式不正确: up_pro_accept/form_json"
    if len(materials) < row["material_count"]:
        return f"材料不齐: {len(materials)} < {row['material_count']}"
    return next((fault for one in materials if (fault := material_fault(one, MATERIAL_SHAPE))), None)


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def upload_of(material: RowMapping) -> Upload:
    content = bytes(material["attach"])
    return Upload(str(material["outer_no"]), str(material["attach_name"]), len(content), digest(content))


def material_fault(material: RowMapping, shape: dict[str, shapes.Rule]) -> str | None:
    row = {name: value for name, value in material.items() if name != "attach"}
    if found := shapes.wrong(shape, row, "up_pro_material"):
        return f"报文格式不正确: {found}"
    attach = material["attach"]
    if attach is not None and (row["attach_size"], row["attach_sha256"]) != (len(attach), digest(bytes(attach))):
        return f"材料文件大小或摘要不符: {row['attach_name']}"
    return None
