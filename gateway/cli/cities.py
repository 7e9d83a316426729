"""tongban cities: check city profiles and their worked examples; begin a profile from a sample of a catalogue."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from adapters.normalization.starter import Starter
from adapters.profile_check import check_examples
from gateway.cli.output import err, print_json, print_table
from gateway.settings import Settings
from gateway.usecases.read_profiles import read_profiles
from gateway.usecases.start_profile import begun
from schemas.errors import Invalid

app = App(name="cities", help="城市配置: check city profiles and their worked examples, begin new ones.")


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


@app.command
def new(
    code: str,
    sample: Path,
    *,
    name: str | None = None,
    out: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """起草城市配置: read a sample of a city's catalogue and begin its profile; every guess is marked for a person.

    Nothing is settled: `tongban cities check` names each guess until a person has confirmed it.

    Parameters
    ----------
    code
        The city's division code, six digits.
    sample
        A few records: .json, .xml, .csv, .xlsx, .xls or .ods.
    name
        The city's name; default as in the division table.
    out
        Where to write the profile, never over a file that is there; default stdout.
    json
        Print one JSON document instead of the profile.
    """
    starter = begun(Settings(), code, sample, name)
    if out is not None:
        if out.exists():
            raise Invalid(f"{out} is there already; it is not overwritten.", f"{out} 已存在，不予覆盖。")
        out.write_text(starter.text, encoding="utf-8")
        err.print(
            f"已写入 written: {out}；逐条核对后运行 check every line, then: tongban cities check {out.parent}",
            highlight=False,
        )
    if json:
        print_json(_starter_json(code, starter, out))
    elif out is None:
        sys.stdout.write(starter.text)
    return 0


def _starter_json(code: str, starter: Starter, out: Path | None) -> dict[str, object]:
    return {
        "code": code,
        "file": None if out is None else str(out),
        "text": starter.text,
        "guesses": [
            {"field": one.target.path, "from": one.words.get("from"), "why": one.why} for one in starter.guesses.fields
        ],
        "unknown": [one.text for one in starter.guesses.unknown],
        "lacking": list(starter.lacking),
    }
