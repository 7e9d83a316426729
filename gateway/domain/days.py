"""日期: days are Beijing's whatever the offset of a moment."""

from datetime import date, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))


def beijing_day(moment: datetime) -> date:
    """The day it is in Beijing at an aware moment."""
    return moment.astimezone(BEIJING).date()
