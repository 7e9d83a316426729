"""检查规则: what is judged, at which level and why; data in seeds/conformance.yaml, in the order of judging."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, StringConstraints, ValidationError

from schemas.errors import SeedInvalid
from schemas.model import Model, ShortText

FILE = "conformance.yaml"


class Level(StrEnum):
    """级别, from the lowest up."""

    NONE = "none"
    BRONZE = "bronze"
    """能办: cases go out and their results come back."""
    SILVER = "silver"
    """可靠: what goes wrong is told as it should be, and nothing is lost or forged."""
    GOLD = "gold"
    """经得起压力和对账."""

    @property
    def rank(self) -> int:
        """0 for none, upwards."""
        return list(Level).index(self)


class Rule(Model):
    """规则: the texts are for the people of both cities."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{2,30}$")]
    level: Level
    name_zh: ShortText
    name: ShortText
    purpose_zh: ShortText
    purpose: ShortText
    next_zh: ShortText
    """What to do where it fails."""
    next: ShortText


class _Rules(Model):
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]


def load_rules(folder: Path) -> tuple[Rule, ...]:
    """The rules in a seeds folder. Raises SeedInvalid."""
    path = folder / FILE
    try:
        rules = _Rules.model_validate(yaml.safe_load(path.read_text("utf-8"))).rules
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise SeedInvalid(f"{path} cannot be used: {type(error).__name__}.", f"{path} 无法使用。") from None
    if len({rule.id for rule in rules}) != len(rules):
        raise SeedInvalid(f"{path} has two rules of one id.", f"{path} 中有两条规则同名。")
    return rules
