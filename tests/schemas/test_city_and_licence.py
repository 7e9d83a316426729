import pytest
from pydantic import ValidationError

from schemas.city import City
from schemas.licence import LicenceType


def test_a_city_of_an_impossible_division() -> None:
    with pytest.raises(ValidationError):
        City(division_code="000000", name="无", province_name="无", provenance={})


def test_a_licence_type() -> None:
    kind = LicenceType.model_validate(
        {"type_code": "11100000000013127D001", "name": "居民身份证", "definer": "公安部", "status": "inferred"}
    )
    assert kind.type_code == "11100000000013127D001"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (None, "confirmed"),
        ("11100000000013127D001", "not_found"),
        ("11100000000013127E001", "confirmed"),
        ("11100000000013127D01", "confirmed"),
        ("11100000000013127d001", "confirmed"),
    ],
)
def test_codes_and_statuses_that_do_not_fit(code: str | None, status: str) -> None:
    with pytest.raises(ValidationError):
        LicenceType.model_validate({"type_code": code, "name": "演示", "definer": "演示", "status": status})
