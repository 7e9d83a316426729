"""What every exchanged value keeps to."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.model import Moment

MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def test_a_moment_is_utc_inside() -> None:
    assert MOMENT.validate_python("2026-01-31T08:00:00+08:00") == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2026-01-31T08:00:00", "时间必须带时区"),
        ("0001-01-01T00:00:00+08:00", "时间超出范围"),
        ("9999-12-31T23:59:59-08:00", "时间超出范围"),
    ],
)
def test_what_is_no_moment(text: str, part: str) -> None:
    with pytest.raises(ValidationError, match=part):
        MOMENT.validate_python(text)
