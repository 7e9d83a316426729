"""架构规则: what import-linter cannot say.

`python -m tests.test_architecture` writes docs/openapi.json, docs/peer-openapi.json and the published models of
schemas/json/ anew; the difference belongs into the same change.
"""

import ast
import importlib
import json
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from adapters.profile import Duplicates, Transport, load_profile
from adapters.profile_check import check_examples
from adapters.registry import ADAPTERS
from gateway.cli import app
from gateway.cli.processes import BY_HAND, SIMULATED
from gateway.domain.lifecycle import table_markdown
from gateway.usecases.read_profiles import read_profiles
from gateway.usecases.read_seeds import read_seeds
from gateway.web.app import openapi_document
from gateway.web.problems import STATUS
from gateway.web.published_schemas import MODELS, schema_bytes
from schemas.errors import CrossCityError, GatewayError, PartnerError, RequestError
from schemas.identifiers import check_resident_number
from schemas.model import Model
from tests.adapters.cities import CITIES, profile_path
from tests.web import test_peer_document

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("schemas", "adapters", "gateway", "seeds", "tests")
SNAPSHOT = ROOT / "docs" / "openapi.json"
PAGES = ROOT / "docs" / "problems"
GUIDES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
OURS = {"schemas", "adapters", "gateway", "seeds"}
RUN_WORDS = {"test", "check", "lock"}
"""Words `./run` keeps to itself; any other is a command of the gateway."""


def modules() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def leaves(kind: type[CrossCityError]) -> list[type[CrossCityError]]:
    """Every error without a child, but for those that tests define."""
    children = [child for child in kind.__subclasses__() if child.__module__.split(".")[0] in OURS]
    return [leaf for child in children for leaf in leaves(child)] if children else [kind]


ERRORS = leaves(CrossCityError)


def snapshot() -> bytes:
    return orjson.dumps(openapi_document(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def test_no_module_is_longer_than_400_lines() -> None:
    sizes = {named(path): len(path.read_text("utf-8").splitlines()) for path in modules()}
    assert {name: size for name, size in sizes.items() if size > 400} == {}
    assert len((ROOT / "run").read_text("utf-8").splitlines()) <= 200


def test_nothing_raises_a_bare_exception() -> None:
    def bare(node: ast.AST) -> bool:
        raised = node.exc if isinstance(node, ast.Raise) else None
        raised = raised.func if isinstance(raised, ast.Call) else raised
        return isinstance(raised, ast.Name) and raised.id in {"Exception", "BaseException"}

    assert [named(path) for path in modules() if any(map(bare, ast.walk(parsed(path))))] == []


def test_every_error_has_a_code_of_its_own_that_says_whose_side_failed() -> None:
    codes = [error.code for error in ERRORS]
    assert len(set(codes)) == len(codes)
    sides = {RequestError: "request.", GatewayError: "gateway.", PartnerError: "partner."}
    for error in ERRORS:
        (side,) = {prefix for kind, prefix in sides.items() if kind in error.__mro__}
        assert error.code.startswith(side), error
        assert error.title, error
        assert re.search(r"[\u4e00-\u9fff]", error.title_zh), error


def test_every_code_has_one_http_status_and_every_status_a_code() -> None:
    assert set(STATUS) == {error.code for error in ERRORS}
    assert all(400 <= status < 600 for status in STATUS.values())


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == {error.code for error in ERRORS}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_a_problem_page_shows_the_problem_as_it_comes(error: type[CrossCityError]) -> None:
    text = (PAGES / f"{error.code}.md").read_text("utf-8")
    assert text.startswith(f"# {error.code} · {error.title_zh}\n")
    example = json.loads(text.split("```json\n")[1].split("```")[0])
    wanted = {"code": error.code, "status": STATUS[error.code], "title": error.title, "title_zh": error.title_zh}
    assert wanted.items() <= example.items()
    assert f"| {STATUS[error.code]} |" in text
    assert 10 <= len(text.splitlines()) <= 25


def test_every_adapter_has_a_simulated_city() -> None:
    profiles = read_profiles(ROOT / "seeds" / "cities", {})
    played = SIMULATED | BY_HAND
    assert {profiles[code].transport for code in played} == set(ADAPTERS)
    assert [name for name in played.values() if not (ROOT / "tests" / "simulators" / f"{name}.py").is_file()] == []


def test_every_adapter_is_judged_by_the_contract_suite() -> None:
    """Its fixtures give every test of tests/adapters/test_contract.py each of CITIES in turn.

    A city without a system is met over no wire: test_manual_contract.py applies the same rules to its packets.
    """
    for name in ("test_contract.py", "test_manual_contract.py"):
        assert (ROOT / "tests" / "adapters" / name).is_file()
    profiles = [load_profile(profile_path(code)) for code in CITIES]
    assert {profile.transport for profile in profiles} == set(ADAPTERS) - {Transport.MANUAL}
    assert {profile.duplicates for profile in profiles} == set(Duplicates)


def test_simulators_are_independent_witnesses() -> None:
    def imported(path: Path) -> Iterator[str]:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield "tests.simulators" if node.level else node.module or ""

    for path in sorted((ROOT / "tests" / "simulators").glob("*.py")):
        for name in imported(path):
            first, *rest = name.split(".")
            assert first not in OURS, f"{named(path)} imports {name}"
            assert first != "tests" or rest[:1] == ["simulators"], f"{named(path)} imports {name}"


def test_every_seed_file_validates() -> None:
    seeds = read_seeds(ROOT / "seeds")
    profiles = read_profiles(ROOT / "seeds" / "cities", {})
    assert {code for code in profiles if code not in {city.division_code for city in seeds.cities}} == set()
    assert {code: faults for code, profile in profiles.items() if (faults := check_examples(profile))} == {}


def test_the_state_table_in_the_documents_is_the_one_in_force() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    printed = text.split("<!-- states:begin -->")[1].split("<!-- states:end -->")[0]
    assert printed.strip() == table_markdown(), "print gateway.domain.lifecycle.table_markdown() and put it there"


def code_in(text: str) -> str:
    """Fenced blocks and inline code of a Markdown text, one piece a line."""
    fenced = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return "\n".join([*fenced, *inline])


def commands() -> dict[str, set[str]]:
    """Command → its subcommands."""
    return {name: {sub for sub in app[name] if not sub.startswith("-")} for name in app if not name.startswith("-")}


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_every_command_in_the_documents_exists(guide: Path) -> None:
    known = commands()
    written = re.findall(r"(\./run|tongban) ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", code_in(guide.read_text("utf-8")))
    for program, word, second in written:
        assert word in known or (program == "./run" and word in RUN_WORDS), f"{program} {word}"
        if known.get(word) and second:
            assert second in known[word], f"{program} {word} {second}"


def test_the_readme_shows_the_two_commands() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text("utf-8")
        assert "./run demo" in code_in(text)
        assert "./run test" in code_in(text)


@pytest.mark.parametrize("guide", GUIDES, ids=named)
def test_every_link_in_the_documents_leads_somewhere(guide: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", guide.read_text("utf-8"))
    assert [target for target in targets if not (guide.parent / target).exists()] == []


def test_the_glossary_has_one_identifier_for_each_term() -> None:
    lines = (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| ") and "`" in line]
    for column in (0, 1):
        names = [row[column].strip() for row in rows]
        assert sorted({name for name in names if names.count(name) > 1}) == []


def test_the_openapi_document_is_the_published_one() -> None:
    assert SNAPSHOT.read_bytes() == snapshot(), "the API changed; write it anew: python -m tests.test_architecture"


def published_path(name: str) -> Path:
    return ROOT / "schemas" / "json" / f"{name}.schema.json"


@pytest.mark.parametrize("name", MODELS)
def test_a_published_json_schema_is_current(name: str) -> None:
    written = published_path(name).read_bytes()
    assert written == schema_bytes(name), "a model changed; write it anew: python -m tests.test_architecture"
    jsonschema.Draft202012Validator.check_schema(json.loads(written))


def test_every_exchanged_model_is_published_by_itself_or_as_a_part() -> None:
    def below(model: type[Model]) -> Iterator[type[Model]]:
        for child in model.__subclasses__():
            yield child
            yield from below(child)

    published = {model.__name__ for model in MODELS.values()}
    for name in MODELS:
        published |= json.loads(schema_bytes(name)).get("$defs", {}).keys()
    for module in pkgutil.iter_modules([str(ROOT / "schemas")]):
        importlib.import_module(f"schemas.{module.name}")
    exchanged = {model.__name__ for model in below(Model) if model.__module__.split(".")[0] == "schemas"}
    assert exchanged - published == set()


def test_the_openapi_document_is_valid_3_1() -> None:
    document: dict[str, Any] = json.loads(snapshot())
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def requirements(name: str) -> dict[str, str]:
    """Package → its whole entry."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    entries = [" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {re.split(r"[=\[ ]", entry)[0] + re.sub(r"^[^;]*|--hash.*$", "", entry): entry for entry in entries}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_is_pinned_by_hash_and_says_not_where_from(name: str) -> None:
    assert "://" not in (ROOT / name).read_text("utf-8")
    shape = r"[a-z0-9._-]+(\[[a-z0-9,._-]+\])?==[^ ]+( ; [^\\]+?)?( --hash=sha256:[0-9a-f]{64})+"
    locked = requirements(name)
    assert len(locked) > 20
    assert [entry[:80] for entry in locked.values() if re.fullmatch(shape, entry) is None] == []


def test_the_development_lock_holds_the_runtime_lock() -> None:
    development = requirements("requirements-dev.lock").values()
    versions = {entry.split(" ")[0] for entry in development}
    assert {entry.split(" ")[0] for entry in requirements("requirements.lock").values()} <= versions


def committed() -> list[Path]:
    """Every file that is, or may be, committed."""
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
        files = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):  # a tree without its history
        hidden = {".venv", ".git", "node_modules", "__pycache__"}
        files = [path for path in ROOT.rglob("*") if not hidden & set(path.relative_to(ROOT).parts)]
    return [path for path in files if path.is_file()]


def real_looking_numbers(text: str) -> list[str]:
    """Resident numbers that check, of people who may be alive."""
    found = []
    for number in re.findall(r"(?<![0-9A-Za-z])[0-9]{17}[0-9Xx](?![0-9A-Za-z])", text):
        try:
            check_resident_number(number.upper())
        except ValueError:
            continue
        if number[6:10] not in {"1899", "1900"}:
            found.append(f"{number[:6]}…")
    return found


def test_no_committed_file_holds_the_number_of_somebody_who_may_be_alive() -> None:
    def text(path: Path) -> str:
        try:
            return path.read_text("utf-8")
        except UnicodeDecodeError:
            return ""

    found = {named(path): numbers for path in committed() if (numbers := real_looking_numbers(text(path)))}
    assert found == {}


if __name__ == "__main__":
    SNAPSHOT.write_bytes(snapshot())
    test_peer_document.SNAPSHOT.write_bytes(test_peer_document.snapshot())
    for published in MODELS:
        published_path(published).write_bytes(schema_bytes(published))
