"""What follows an application through the exchange database: supplements and withdrawals, read and answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, RowMapping, select, update

from tests.simulators import shapes
from tests.simulators.books import Upload
from tests.simulators.exchange import MATERIAL_SHAPE, material_fault, upload_of
from tests.simulators.exchange_tables import FOLLOW, FOLLOW_MATERIAL

KINDS = {"1": "SUPPLEMENT", "2": "WITHDRAW"}
_SHAPE: dict[str, shapes.Rule] = {
    "row_guid": shapes.REFERENCE,
    "cd_operation": frozenset({"I"}),
    "cd_time": shapes.TIME,
    "cd_batch": shapes.SOME_TEXT,
    "data_source": shapes.DIVISION,
    "outer_no": shapes.REFERENCE,
    "project_no?": str,
    "follow_type": frozenset(KINDS),
    "follow_time": shapes.TIME,
    "follow_reason?": str,
    "material_count": int,
}
_SHAPE_OF_MATERIAL: dict[str, shapes.Rule] = {**MATERIAL_SHAPE, "follow_guid": shapes.REFERENCE}
_ACK = {"ack_time", "ack_code", "ack_message"}


@dataclass(frozen=True, slots=True)
class Followed:
    """One up_pro_follow row with its materials; `fault` says what the wire does not allow in it."""

    row_guid: str
    our_ref: str
    kind: str
    reason: str
    files: list[Upload]
    fault: str | None


class FollowUpRows:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def waiting(self) -> list[Followed]:
        """Rows the city has not acknowledged, oldest first."""
        found = select(FOLLOW).where(FOLLOW.c.ack_time.is_(None)).order_by(FOLLOW.c.cd_time, FOLLOW.c.row_guid)
        with self._engine.connect() as connection:
            rows = connection.execute(found).mappings().all()
            return [
                _followed(
                    row,
                    connection.execute(select(FOLLOW_MATERIAL).where(FOLLOW_MATERIAL.c.follow_guid == row["row_guid"]))
                    .mappings()
                    .all(),
                )
                for row in rows
            ]

    def acknowledge(self, row_guid: str, code: str, message: str, told_at: str) -> None:
        values = {"ack_time": told_at, "ack_code": code, "ack_message": message}
        with self._engine.begin() as connection:
            connection.execute(update(FOLLOW).where(FOLLOW.c.row_guid == row_guid).values(values))


def _followed(row: RowMapping, materials: Sequence[RowMapping]) -> Followed:
    files = [upload_of(material) for material in materials if material["attach"] is not None]
    spoken = {name: value for name, value in row.items() if name not in _ACK}
    if found := shapes.wrong(_SHAPE, spoken, "up_pro_follow"):
        fault: str | None = f"报文格式不正确: {found}"
    elif len(materials) < row["material_count"]:
        fault = f"材料不齐: {len(materials)} < {row['material_count']}"
    else:
        faults = (material_fault(one, _SHAPE_OF_MATERIAL) for one in materials)
        fault = next((one for one in faults if one), None)
    kind = KINDS.get(str(row["follow_type"]), "")
    return Followed(str(row["row_guid"]), str(row["outer_no"]), kind, row["follow_reason"] or "", files, fault)
