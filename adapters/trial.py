"""试办: which applications a city's test system knows what to do with; read by `tongban conformance`, data only."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schemas.agreement import Mode
from schemas.application import FormField, FormValue
from schemas.identifiers import CatalogCode, TaskCode
from schemas.model import Model, ShortText


class Trial(Model):
    """试办申请: what is absent is as in `ordinary`, and there as in the first of `examples.submit`."""

    item_code: CatalogCode | None = None
    task_code: TaskCode | None = None
    item_name: ShortText | None = None
    project_type: Literal["INSTANT", "PROMISED"] | None = None
    mode: Mode | None = None
    form: Annotated[dict[FormField, FormValue], Field(max_length=200)] | None = None


class Trials(Model):
    """试办约定: how the city's test system treats the applications of `tongban conformance`."""

    ordinary: Trial = Trial()
    """It takes this one, decides in the applicant's favour by itself, and gives a result file where it has any."""
    refused: Trial | None = None
    """It refuses this one for a business reason; say, an item that it does not have."""
    asks: Trial | None = None
    """It asks for a supplement (补正) and does nothing more until it has one."""
    case_number: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Regular expression that every case number fits as a whole."""
    within_s: Annotated[float, Field(gt=0, le=86_400)] = 60
    """How long a case may take to its end; at least that long the kit waits for progress."""

    @model_validator(mode="after")
    def _pattern_compiles(self) -> Self:
        try:
            re.compile(self.case_number or "")
        except re.error:
            raise ValueError("case_number不是有效的正则表达式 / case_number is no regular expression") from None
        return self
