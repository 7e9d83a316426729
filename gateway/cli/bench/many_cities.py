"""测速城市: many invented cities: seeds and profiles for them, and one bare server that plays them all.

A city may hang (it takes the connection and never answers) or fail (it answers 500); the others answer at once.
python -m gateway.cli.bench.many_cities [--hanging CODE] [--failing CODE]   prints its address as one JSON line
"""

import argparse
import asyncio
import shutil
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from gateway.cli.demo_cases import application
from gateway.usecases.read_seeds import read_seeds
from schemas.agreement import Mode
from schemas.identifiers import credit_code_check_digit

SECRET = "bench.appsecret"  # noqa: S105 - its name
_PROFILE = """\
code: "{code}"
name: {name}
provenance: {{default: fictitious}}
transport: rest
duplicates: idempotent
limits: {{in_flight: 16, timeout_s: {timeout_s}}}
auth: {{scheme: national_exchange, service_id: bench, sender_id: tongban, appsecret: {secret}}}
rest:
  url: "{url}"
  answers: {{code: STATUS.CODE, accepted: ["00"]}}
  submit:
    path: /{code}/apply
    case_number: data.projectNo
    body:
      outerNo: application_id
      taskCode: task_code
      taskName: item_name
      applyDate: compact_time(received_at)
      applyer: {{name: application.applicant.name, cardNo: application.applicant.document_number}}
      form: application.form
      materials: {{each: materials, object: {{no: code, name: name, copies: copies}}}}
"""
_OFFER = """
  - city: "{code}"
    body: {{name: {name}住房公积金管理中心（演示）, credit_code: {credit_code}, kind: "2"}}
"""
_AGREEMENT = """
  - agreement_id: AG-445200-{code}-1
    title: 演示：揭阳收件、{name}办理
    collecting_city: "445200"
    deciding_city: "{code}"
    items: *housing_fund
    modes: [ONLINE, COLLECT]
    valid_from: 2026-01-01
"""


def codes(number: int) -> list[str]:
    """Division codes of invented cities in a province that does not exist."""
    return [f"99{place:02d}00" for place in range(1, number + 1)]


def write_seeds(folder: Path, shipped: Path, cities: Sequence[str], *, url: str, timeout_s: float) -> None:
    """The shipped seeds with these cities added, and their profiles instead of the shipped ones."""
    shutil.copytree(shipped, folder)
    for other in (folder / "cities").glob("*.yaml"):
        other.unlink()
    added: dict[str, list[str]] = {"divisions.csv": [], "cities.yaml": [], "items/housing_fund.yaml": []}
    added["agreements.yaml"] = []
    for place, code in enumerate(cities, 1):
        name, body = f"测速{place:02d}市", f"12{code}DEMY{place:05d}"
        known = {"code": code, "name": name, "credit_code": body + credit_code_check_digit(body)}
        added["divisions.csv"].append(f"{code},{name},演示省,990000,prefecture,neighbour\n")
        added["cities.yaml"].append(f'  - {{division_code: "{code}", name: {name}, province_name: 演示省}}\n')
        added["items/housing_fund.yaml"].append(_OFFER.format(**known))
        added["agreements.yaml"].append(_AGREEMENT.format(**known))
        profile = _PROFILE.format(**known, url=url, timeout_s=timeout_s, secret=SECRET)
        (folder / "cities" / f"{code}.yaml").write_text(profile, encoding="utf-8")
    for file, lines in added.items():
        with (folder / file).open("a", encoding="utf-8") as handle:
            handle.writelines(lines)


def bodies(seeds_dir: Path, cities: Sequence[str]) -> dict[str, str]:
    """One complete application for each city."""
    items = {item.city: item for item in read_seeds(seeds_dir).items if item.modes == (Mode.ONLINE,)}
    made = {}
    for number, code in enumerate(cities):
        whole = application(items[code], Mode.ONLINE, collecting_city="445200", file_ids=[], number=number)
        whole["materials"] = [
            {"material_code": material["material_code"], "source": "paper"} for material in whole["materials"]
        ]
        made[code] = orjson.dumps(whole).decode()
    return made


def _answers(hanging: str, failing: str) -> web.Application:
    numbers = count(1)

    async def apply(request: web.Request) -> web.Response:
        await request.read()
        city = request.match_info["city"]
        if city == hanging:
            await asyncio.sleep(3600)
        if city == failing:
            return web.Response(status=500, body=b"{}", content_type="application/json")
        answer: dict[str, Any] = {"STATUS": {"CODE": "00"}, "data": {"projectNo": f"B{city}{next(numbers)}"}}
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    app = web.Application()
    app.router.add_post("/{city}/apply", apply)
    return app


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hanging", default="")
    parser.add_argument("--failing", default="")
    options = parser.parse_args()
    runner = web.AppRunner(_answers(options.hanging, options.failing), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    host, port = runner.addresses[0][:2]
    sys.stdout.write(orjson.dumps({"ready": True, "url": f"http://{host}:{port}"}).decode() + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
