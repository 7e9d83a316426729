"""事项差异: one item as several cities offer it, side by side; and what a window must know before it submits."""

from collections.abc import Iterator, Mapping

from gateway.domain.compared_fields import COMPARED, ComparedField
from gateway.domain.compared_materials import material_differences
from schemas.application import Warning  # noqa: A004 - the word the API uses
from schemas.differences import Aspect, ComparedItem, Difference, Differences
from schemas.finding import Severity
from schemas.service_item import ServiceItem

_POINTERS = {Aspect.MATERIALS: "/materials", Aspect.MODES: "/mode", Aspect.SERVED: "/applicant/kind"}
_ORDER = {aspect: number for number, aspect in enumerate(Aspect)}


def differences(items: Mapping[str, ServiceItem], *, names: Mapping[str, str] | None = None) -> Differences:
    """差异表 of these cities' items, by division code; `names` are what the sentences call them, default the code.

    A value a city does not state is a difference that only informs: not known is not "no". Warnings are what could
    send an applicant home: a material only some cities insist on, paper where others take a file, no 免提交, other
    服务对象 or 通办模式, more visits, a fee. Pure.
    """
    called = {city: (names or {}).get(city, city) for city in items}
    rows = [*_field_differences(items, called), *material_differences(items, called)]
    return Differences(
        items={
            city: ComparedItem(item_code=item.item_code, name=item.name, version=item.version)
            for city, item in items.items()
        },
        rows=tuple(sorted(rows, key=lambda row: _ORDER[row.aspect])),
        same=tuple(one.name_zh for one in COMPARED if _alike(one, items)),
    )


def _alike(one: ComparedField, items: Mapping[str, ServiceItem]) -> bool:
    shown = {one.show(item) for item in items.values()}
    return len(shown) == 1 and shown != {None}


def _field_differences(items: Mapping[str, ServiceItem], names: Mapping[str, str]) -> Iterator[Difference]:
    for one in COMPARED:
        shown = {city: one.show(item) for city, item in items.items()}
        if len(set(shown.values())) > 1:
            demanding = one.demanding(items) if one.demanding is not None else ()
            said = "；".join(f"{names[city]}为{text or '未写明'}" for city, text in shown.items())
            yield Difference(
                aspect=one.aspect,
                field=one.field,
                name_zh=one.name_zh,
                values=shown,
                severity=Severity.WARNING if demanding else Severity.INFO,
                demanding=demanding,
                message_zh=f"{one.name_zh}不同：{said}。",
            )


def warnings_for(collecting_item: ServiceItem, deciding_item: ServiceItem) -> tuple[Warning, ...]:
    """提示 for the window: where the deciding city asks more than the collecting city's own item leads it to expect.

    Pure, and a function of the two items alone: whoever is on a hot path keeps the answer by
    (collecting city, deciding city, item code) for as long as both revisions stand; it costs some hundred microseconds.
    """
    pair = {collecting_item.city: collecting_item, deciding_item.city: deciding_item}
    names = {collecting_item.city: "收件地", deciding_item.city: "属地"}
    return tuple(
        Warning(
            code=f"{row.aspect.value}_differ",
            pointer=_POINTERS.get(row.aspect, ""),
            message=f"The deciding city asks more than the collecting city: {row.field}.",
            message_zh=row.message_zh,
        )
        for row in differences(pair, names=names).rows
        if row.severity is Severity.WARNING and deciding_item.city in row.demanding
    )
