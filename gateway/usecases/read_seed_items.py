"""读取事项与协议: the YAML files of seeds/, with the shared parts of each file expanded into every entry."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from gateway.usecases.located_files import Located, Place, file_names, read_yaml
from schemas.agreement import Agreement
from schemas.city import City
from schemas.identifiers import CreditCode, DivisionCode
from schemas.model import Model, Provenance
from schemas.service_item import ImplementingBody, ServiceItem

Values = dict[str, Any]


def _with_default(given: dict[str, Provenance]) -> dict[str, Provenance]:
    if "default" not in given:
        raise ValueError("provenance缺少default / provenance lacks a default")
    return given


Sources = Annotated[dict[str, Provenance], AfterValidator(_with_default)]
"""文件级数据来源: by field name, and `default` for the rest."""


class _Body(ImplementingBody):
    credit_code: CreditCode


class _Offer(Model):
    """One city that offers the items of the file."""

    city: DivisionCode
    body: _Body
    fields: Values = Field(default_factory=dict)
    overrides: dict[str, Values] = Field(default_factory=dict)
    extra_materials: dict[str, list[Values]] = Field(default_factory=dict)


class _ItemsFile(Model):
    provenance: Sources
    common: Values = Field(default_factory=dict)
    items: tuple[Values, ...]
    offered_by: tuple[_Offer, ...]


class _CitiesFile(Model):
    provenance: Sources
    cities: tuple[Values, ...]


class _AgreementsFile(Model):
    provenance: Sources
    item_lists: dict[str, list[str]] = Field(default_factory=dict)
    """A place for YAML anchors; each list is used by its alias."""
    agreements: tuple[Values, ...]


@dataclass(slots=True)
class _Layers:
    """层: values laid over each other, the last one wins; each field remembers where it was written."""

    home: Place
    values: Values = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    extra_from: int = 0
    extra_place: Place = ()

    def lay(self, values: Mapping[str, Any], place: Place) -> None:
        self.values.update(values)
        self.places.update({name: (*place, name) for name in values})

    def append_materials(self, extra: Sequence[Values], place: Place) -> None:
        materials = self.values.get("materials", [])
        if isinstance(materials, list):  # anything else is refused by ServiceItem, at its own line
            self.extra_from, self.extra_place = len(materials), place
            self.values["materials"] = [*materials, *extra]

    def origin(self, place: Place) -> Place:
        match place:
            case ("materials", int(index), *rest) if self.extra_place and index >= self.extra_from:
                return (*self.extra_place, index - self.extra_from, *rest)
            case (str(name), *rest) if name in self.places:
                return (*self.places[name], *rest)
        return (*self.home, *place)


def _with_provenance(located: Located, kind: type[BaseModel], values: Values, sources: Sources) -> Values:
    """`values` and the file's provenance, written out for each field that is filled."""
    for name in sorted(sources.keys() - kind.model_fields.keys() - {"default"}):
        raise located.at(("provenance", name), "is not a field", "不是字段名")
    filled = [name for name, value in values.items() if value not in (None, [])]
    return {**values, "provenance": {name: sources.get(name, sources["default"]) for name in filled}}


def _refuse_names(located: Located, place: Place, values: Values, names: Set[str]) -> None:
    for name in sorted(values.keys() & names):
        raise located.at((*place, name), "has its place elsewhere in the file", "不应写在此处")


def read_cities(folder: Path, divisions: Mapping[str, tuple[str, str]]) -> tuple[City, ...]:
    """参与城市. `divisions`: name and province by code. Raises SeedInvalid."""
    located = read_yaml(folder, "cities.yaml")
    file = located.as_a(_CitiesFile, located.data, lambda place: place)
    found: dict[str, City] = {}
    for index, values in enumerate(file.cities):
        layers = _Layers(("cities", index))
        _refuse_names(located, layers.home, values, {"provenance"})
        city = located.as_a(City, _with_provenance(located, City, values, file.provenance), layers.origin)
        here = (*layers.home, "division_code")
        if city.division_code in found:
            raise located.at(here, "the city occurs twice", "城市重复")
        if divisions.get(city.division_code) != (city.name, city.province_name):
            raise located.at(
                here, "code, name and province are not in divisions.csv", "代码、名称、省份与divisions.csv不符"
            )
        found[city.division_code] = city
    return tuple(found.values())


def read_items(folder: Path, cities: Set[str], licence_types: Set[str]) -> tuple[ServiceItem, ...]:
    """政务服务事项 of every file in items/, one for each city that offers it. Raises SeedInvalid."""
    found: dict[tuple[str, str], ServiceItem] = {}
    task_codes: set[str] = set()
    for name in file_names(folder, "items/*.yaml"):
        located = read_yaml(folder, name)
        file = located.as_a(_ItemsFile, located.data, lambda place: place)
        _check_places(located, file)
        _check_offers(located, file, cities)
        for item, layers in _expanded(located, file):
            if (item.city, item.item_code) in found:
                raise located.at(layers.origin(("item_code",)), "a city has the item already", "有城市已有此事项")
            if item.task_code in task_codes:
                raise located.at(layers.origin(("task_code",)), "makes a task code a second time", "造成实施编码重复")
            _check_licence_types(located, item, layers, licence_types)
            found[item.city, item.item_code] = item
            task_codes.add(item.task_code)
        _check_overrides(located, file)
    return tuple(found.values())


def _expanded(located: Located, file: _ItemsFile) -> Iterator[tuple[ServiceItem, _Layers]]:
    for number in range(len(file.offered_by)):
        for index in range(len(file.items)):
            layers = _lay(file, number, index)
            values = _with_provenance(located, ServiceItem, layers.values, file.provenance)
            yield located.as_a(ServiceItem, values, layers.origin), layers


def _lay(file: _ItemsFile, number: int, index: int) -> _Layers:
    offer, base = file.offered_by[number], file.items[index]
    there: Place = ("offered_by", number)
    code = str(base.get("item_code", ""))
    layers = _Layers(("items", index))
    layers.lay(file.common, ("common",))
    layers.lay(base, layers.home)
    layers.lay(offer.fields, (*there, "fields"))
    if code in offer.overrides:
        layers.home = (*there, "overrides", code)
        layers.lay(offer.overrides[code], layers.home)
    if code in offer.extra_materials:
        layers.home = (*there, "extra_materials", code)
        layers.append_materials(offer.extra_materials[code], layers.home)
    layers.lay({"city": offer.city, "implementing_body": offer.body.model_dump()}, there)
    layers.places["implementing_body"] = (*there, "body")
    if "task_code" not in layers.values:  # a city with codes of another shape writes its own
        layers.values["task_code"] = f"{offer.body.credit_code}{layers.values.get('use_level', '')}{code}"
        layers.places["task_code"] = (*there, "body", "credit_code")
    return layers


_OF_THE_OFFER = frozenset({"city", "implementing_body", "provenance"})


def _check_places(located: Located, file: _ItemsFile) -> None:
    _refuse_names(located, ("common",), file.common, _OF_THE_OFFER | {"item_code", "task_code"})
    for index, item in enumerate(file.items):
        _refuse_names(located, ("items", index), item, _OF_THE_OFFER | {"task_code"})
    for number, offer in enumerate(file.offered_by):
        there: Place = ("offered_by", number)
        _refuse_names(located, (*there, "fields"), offer.fields, _OF_THE_OFFER | {"item_code", "task_code"})
        for code, values in offer.overrides.items():
            _refuse_names(located, (*there, "overrides", code), values, _OF_THE_OFFER | {"item_code"})


def _check_offers(located: Located, file: _ItemsFile, cities: Set[str]) -> None:
    seen: set[str] = set()
    for number, offer in enumerate(file.offered_by):
        place: Place = ("offered_by", number, "city")
        if offer.city not in cities:
            raise located.at(place, "is not in cities.yaml", "不在cities.yaml中")
        if offer.city in seen:
            raise located.at(place, "the city occurs twice", "城市重复")
        seen.add(offer.city)


def _check_overrides(located: Located, file: _ItemsFile) -> None:
    codes = {str(item.get("item_code")) for item in file.items}
    for number, offer in enumerate(file.offered_by):
        for part, given in (("overrides", offer.overrides), ("extra_materials", offer.extra_materials)):
            for code in sorted(given.keys() - codes):
                raise located.at(
                    ("offered_by", number, part, code), "is not an item of this file", "不是本文件中的事项"
                )


def _check_licence_types(located: Located, item: ServiceItem, layers: _Layers, known: Set[str]) -> None:
    for index, material in enumerate(item.materials):
        for which, code in enumerate(material.licence_types):
            if code not in known:
                place = layers.origin(("materials", index, "licence_types", which))
                raise located.at(place, "is not in licence_types.csv", "不在licence_types.csv中")


def read_agreements(folder: Path, cities: Set[str], offered: Set[tuple[str, str]]) -> tuple[Agreement, ...]:
    """通办协议. `offered`: city and item code of every item there is. Raises SeedInvalid."""
    located = read_yaml(folder, "agreements.yaml")
    file = located.as_a(_AgreementsFile, located.data, lambda place: place)
    found: dict[str, Agreement] = {}
    for index, values in enumerate(file.agreements):
        layers = _Layers(("agreements", index))
        _refuse_names(located, layers.home, values, {"provenance"})
        expanded = _with_provenance(located, Agreement, values, file.provenance)
        agreement = located.as_a(Agreement, expanded, layers.origin)
        if agreement.agreement_id in found:
            raise located.at((*layers.home, "agreement_id"), "occurs twice", "协议编号重复")
        _check_agreement(located, agreement, layers.home, cities, offered)
        found[agreement.agreement_id] = agreement
    return tuple(found.values())


def _check_agreement(
    located: Located, agreement: Agreement, home: Place, cities: Set[str], offered: Set[tuple[str, str]]
) -> None:
    for name in ("collecting_city", "deciding_city"):
        if getattr(agreement, name) not in cities:
            raise located.at((*home, name), "is not in cities.yaml", "不在cities.yaml中")
    for index, code in enumerate(agreement.items):
        if (agreement.deciding_city, code) not in offered:
            raise located.at((*home, "items", index), "is not offered by the deciding city", "属地没有该事项")
