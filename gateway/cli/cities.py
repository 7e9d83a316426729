"""tongban cities: check city profiles and their worked examples."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from adapters.profile_check import check_examples
from gateway.cli.output import print_json, print_table
from gateway.settings import Settings
from gateway.usecases.read_profiles import read_profiles

app = App(name="cities", help="城市配置: check city profiles and their worked examples.")


@app.command
def check(folder: Path | None = None, *, json: Annotated[bool, Parameter(negative=())] = False) -> int:
    """检查城市配置: read every profile and run its worked examples; exit 1 where one does not give what it says.

    Parameters
    ----------
    folder
        Profiles; default the seeds' cities.
    json
        Print one JSON document.
    """
    profiles = read_profiles(folder or Settings().profiles)
    faults = {code: check_examples(profile) for code, profile in profiles.items()}
    ok = not any(faults.values())
    if json:
        cities = [{"code": code, "faults": found} for code, found in faults.items()]
        print_json({"ok": ok, "cities": cities})
        return 0 if ok else 1
    rows = [
        (code, profiles[code].name, profiles[code].transport, profiles[code].duplicates, "; ".join(found) or "通过 ok")
        for code, found in faults.items()
    ]
    print_table("城市配置 city profiles", ("代码 code", "城市 city", "方式 transport", "重复 duplicates", "结果"), rows)
    return 0 if ok else 1
