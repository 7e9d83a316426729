"""试办申请: the kit's applications and what follows them, about a person who does not exist (born 1899)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from adapters.expression_functions import json_bytes
from adapters.profile import CityProfile
from adapters.trial import Trial, Trials
from gateway.conformance.contents import new_id
from schemas.application import StoredFile
from schemas.errors import Invalid
from schemas.message import FollowUp, MessageKind, OutboundMessage

PLAIN_NAME = "林试办"
RARE_NAME = "陈𠮷㐂·买买提"
_NUMBER = "441302189902280026"
_USUAL = {"task_code": None, "item_code": None, "item_name": "试办事项", "project_type": "PROMISED", "mode": "ONLINE"}
"""Of an item, where nobody says; the codes must be said."""
_PHONE = "13800000001"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an application is to be like."""

    trial: Trial
    files: Sequence[StoredFile] = ()
    name: str = PLAIN_NAME


class TrialMessages:
    """Makes messages for one city. Invalid where neither profile nor example says for which item."""

    def __init__(self, profile: CityProfile, city: str) -> None:
        self.trials = profile.conformance or Trials()
        self._profile, self._city = profile, city
        self._sample = _sample(profile)
        self._item(self.trials.ordinary)

    def application(self, wish: Wish, now: datetime) -> OutboundMessage:
        """One application, as the gateway would send it."""
        at = now.isoformat()
        item, application = self._item(wish.trial), self._sample.get("application", {})
        files = [_outbound(number, file, self._codes()) for number, file in enumerate(wish.files)]
        message = {
            "message_id": str(new_id()),
            "application_id": str(new_id()),
            "received_at": at,
            "files": files,
            **{name: item[name] for name in ("task_code", "item_name", "project_type")},
            "application": {
                "item_code": item["item_code"],
                "mode": item["mode"],
                "applicant_division": application.get("applicant_division", self._collecting()),
                "collecting_city": self._collecting(),
                "deciding_city": self._profile.code,
                "applicant": {"kind": "person", "name": wish.name, "document_number": _NUMBER, "phone": _PHONE},
                "identity_check": {"method": "counter", "by": "W001", "by_city": self._collecting(), "at": at},
                "consent": {"at": at, "text_version": "1"},
                "form": self._form(wish),
                "materials": [
                    {"material_code": one["material_code"], "files": [one["file"]["file_id"]]} for one in files
                ],
            },
        }
        return OutboundMessage.model_validate_json(json_bytes(message))

    def follow_up(
        self,
        kind: MessageKind,
        to: OutboundMessage,
        case_number: str | None,
        now: datetime,
        files: Sequence[StoredFile],
    ) -> FollowUp:
        """A supplement with these files, or a withdrawal."""
        outbound = [_outbound(number, file, self._codes()) for number, file in enumerate(files)]
        reason = "试办：补交材料" if kind is MessageKind.SUPPLEMENT else "试办：申请人撤回"
        body = {
            "message_id": str(new_id()),
            "application_id": str(to.application_id),
            "kind": kind.value,
            "task_code": to.task_code,
            "collecting_city": to.application.collecting_city,
            "deciding_city": to.application.deciding_city,
            "case_number": case_number,
            "occurred_at": now.isoformat(),
            "reason": reason,
            "materials": [
                {"material_code": one["material_code"], "files": [one["file"]["file_id"]]} for one in outbound
            ],
            "files": outbound,
        }
        return FollowUp.model_validate_json(json_bytes(body))

    def _item(self, trial: Trial) -> dict[str, Any]:
        """The item's fields: of the trial, else of the ordinary one, else of the example."""
        sample = self._sample | {name: self._sample.get("application", {}).get(name) for name in ("item_code", "mode")}
        given = {name: sample.get(name) or usual for name, usual in _USUAL.items()}
        for one in (self.trials.ordinary, trial):
            given |= one.model_dump(mode="json", exclude_none=True, exclude={"form"})
        if missing := sorted(name for name, value in given.items() if value is None):
            raise Invalid(
                f"Neither conformance.ordinary nor examples.submit of the profile says {missing}.",
                f"配置的conformance.ordinary与examples.submit均未给出{missing}。",
            )
        return given

    def _form(self, wish: Wish) -> dict[str, Any]:
        form: dict[str, Any] = dict(self._sample.get("application", {}).get("form", {}))
        for one in (self.trials.ordinary.form, wish.trial.form):
            form = form if one is None else dict(one)
        return form

    def _collecting(self) -> str:
        """Our own city; where the partner is our own office, the one that collects in its example."""
        if self._profile.code != self._city:
            return self._city
        return str(self._sample.get("application", {}).get("collecting_city", self._city))

    def _codes(self) -> list[str]:
        materials = self._sample.get("application", {}).get("materials", [])
        return [one["material_code"] for one in materials if one.get("source", "uploaded") == "uploaded"]


def _sample(profile: CityProfile) -> dict[str, Any]:
    """The first submit example as JSON; empty where there is none that can be read."""
    for example in profile.examples.submit[:1]:
        try:
            return OutboundMessage.model_validate_json(json_bytes(example.message)).model_dump(mode="json")
        except ValidationError:
            break
    return {}


def _outbound(number: int, file: StoredFile, codes: Sequence[str]) -> dict[str, Any]:
    """A file in its place, under a code the city knows as long as its example names enough of them."""
    code = codes[number] if number < len(codes) else f"M{number + 1:02}"
    return {"material_code": code, "material_name": f"试办材料{number + 1}", "file": file.model_dump(mode="json")}
