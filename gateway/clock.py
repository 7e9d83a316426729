"""时钟: where a process's time and numbers come from."""

from datetime import UTC, datetime

import uuid_utils

from gateway.evidence.chain import milliseconds


def now() -> datetime:
    """The gateway's clock."""
    return datetime.now(UTC)  # noqa: TID251 - the one place where time is read


def now_ms() -> int:
    """The gateway's clock in milliseconds."""
    return milliseconds(now())


def new_id() -> str:
    """A UUIDv7 as text: unique, and rising with time."""
    return str(uuid_utils.uuid7())
