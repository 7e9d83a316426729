"""样例: what a profile shows of itself, worked out; adapters/profile_check.py runs them."""

from typing import Any

from pydantic import Field

from schemas.model import Model, ShortText


class SubmitExample(Model):
    """申报样例: a message of ours and the exact object the city must get."""

    name: ShortText
    message: dict[str, Any]
    uploaded: tuple[str, ...] = ()
    """The numbers the city gave the files, in order."""
    kept: dict[str, Any] = Field(default_factory=dict)
    """What steps before it kept (REST)."""
    kept_files: tuple[dict[str, Any], ...] = ()
    """What steps kept of each file, in order."""
    now: str = "2026-11-23T09:00:00+08:00"
    expect: dict[str, Any]


class FollowUpExample(SubmitExample):
    """补正、撤回样例: a message of ours that follows an application, and the exact object the city must get."""


class ListingExample(Model):
    """对账样例: a row of the city's listing of a day and the case it must become."""

    name: ShortText
    received: dict[str, Any]
    expect: dict[str, Any]


class ReportExample(Model):
    """进度样例: what came from the city and what it must become; `expect` null = noted, changes nothing."""

    name: ShortText
    via: str
    """Which entry of `reports`."""
    received: dict[str, Any]
    expect: dict[str, Any] | None


class ItemExample(Model):
    """事项样例: a record of the city's catalogue and what must become of it."""

    name: ShortText
    version: int | None = None
    """Of the catalogue dialect that reads it; absent = the one that begins last."""
    record: dict[str, Any]
    expect: dict[str, Any] | None
    """Fields of the item that must be so; null = it must wait in quarantine."""
    findings: tuple[str, ...] | None = None
    """Rules of every error and warning; absent = not compared."""


class Examples(Model):
    """样例."""

    submit: tuple[SubmitExample, ...] = ()
    follow_ups: tuple[FollowUpExample, ...] = ()
    reports: tuple[ReportExample, ...] = ()
    listing: tuple[ListingExample, ...] = ()
    items: tuple[ItemExample, ...] = ()
