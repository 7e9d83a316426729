"""运行脚本: ./run without a network: what it refuses, what it would install, what it starts."""

import ast
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
HASH = f"--hash=sha256:{'0' * 64}"


@pytest.fixture
def script() -> ModuleType:
    """The script as a module."""
    loader = SourceFileLoader("run_script", str(ROOT / "run"))
    spec = importlib.util.spec_from_loader("run_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A tree with the script, two clean locks, and an environment that echoes what it is asked to do."""
    shutil.copy(ROOT / "run", tmp_path / "run")
    for name in ("requirements.lock", "requirements-dev.lock"):
        (tmp_path / name).write_text(f"example==1.0 \\\n    {HASH}\n")
    return tmp_path


def pretend_environment(tree: Path) -> Path:
    """A .venv whose python writes its arguments, its folder and its module path to stdout."""
    python = tree / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$*" "$PWD" "$PYTHONPATH"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return python


def started(tree: Path, *words: str, path: str | None = None, cwd: Path | None = None) -> Any:
    environment = {**os.environ, "PATH": path or "/usr/bin:/bin", "PYTHONPATH": ""}
    command = [sys.executable, str(tree / "run"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd or tree)


def test_it_is_executable_and_needs_the_standard_library_alone() -> None:
    assert os.access(ROOT / "run", os.X_OK)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    tree = ast.parse((ROOT / "run").read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names = {alias.name.split(".")[0] for node in imports for alias in node.names}
    names |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


def test_an_old_python_can_read_it_far_enough_to_be_refused() -> None:
    ast.parse((ROOT / "run").read_text("utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 7), (2, 7)])
def test_an_old_python_gets_one_sentence_in_two_languages(script: ModuleType, version: tuple[int, ...]) -> None:
    with pytest.raises(script.Refused, match=r"需要 Python 3\.11(.|\n)*Python 3\.11 or newer is needed"):
        script.require_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 11, 7), (3, 13, 0)])
def test_a_new_python_is_taken(script: ModuleType, version: tuple[int, ...]) -> None:
    script.require_python(version)


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_missing_python3_venv_is_named(script: ModuleType, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else found(name))
    with pytest.raises(script.Refused, match=r"缺少 python3-venv(.|\n)*apt-get install python3-venv"):
        script.require_venv()


@pytest.mark.parametrize(
    "line",
    [
        "example @ https://files.example/example-1.0.whl",
        "--index-url somewhere",
        "--extra-index-url=somewhere",
        "  --find-links ./wheels",
        "-i somewhere",
        "-f wheels",
        "# via git+ssh://host/project",
    ],
)
def test_a_lock_that_says_where_packages_come_from_is_refused(script: ModuleType, copy: Path, line: str) -> None:
    script.require_clean_locks(copy)
    with (copy / "requirements-dev.lock").open("a") as lock:
        lock.write(line + "\n")
    with pytest.raises(script.Refused, match=r"requirements-dev\.lock:3"):
        script.require_clean_locks(copy)


def test_the_locks_of_this_repository_are_clean(script: ModuleType) -> None:
    script.require_clean_locks(ROOT)


def test_nothing_is_installed_from_such_a_lock(copy: Path) -> None:
    (copy / "requirements.lock").write_text("--index-url https://packages.example\n")
    done = started(copy, "demo")
    assert done.returncode == 1
    assert "requirements.lock:1" in done.stderr
    assert done.stdout == ""
    assert not (copy / ".venv").exists()


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_what_is_installed_and_when(
    script: ModuleType, copy: Path, monkeypatch: pytest.MonkeyPatch, installer: str
) -> None:
    """Once per lock; the development lock serves every command; a changed lock is installed anew."""
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}" if installer == name else None)
    for name, value in {
        "ROOT": copy,
        "ENVIRONMENT": copy / ".venv",
        "PYTHON": copy / ".venv" / "bin" / "python",
        "STAMP": copy / ".venv" / "stamp",
        "RUNTIME_LOCK": copy / "requirements.lock",
        "DEV_LOCK": copy / "requirements-dev.lock",
    }.items():
        monkeypatch.setattr(script, name, value)
    (copy / "requirements-dev.lock").write_text(f"example==1.0 \\\n    {HASH}\ntool==2.0 \\\n    {HASH}\n")
    asked: list[str] = []

    def run(command: list[str], **_options: object) -> bool:
        asked.append(" ".join(command))
        if "venv" in command:
            pretend_environment(copy)
        return True

    monkeypatch.setattr(script, "run", run)
    script.make_environment(script.RUNTIME_LOCK)
    assert len(asked) == 2
    assert "venv" in asked[0]
    assert {"--require-hashes", str(script.RUNTIME_LOCK)} <= set(asked[1].split())
    assert ("uv pip sync" in asked[1]) is (installer == "uv")
    script.make_environment(script.RUNTIME_LOCK)
    assert len(asked) == 2

    script.make_environment(script.DEV_LOCK)
    assert str(script.DEV_LOCK) in asked[2]
    script.make_environment(script.RUNTIME_LOCK)
    script.make_environment(script.DEV_LOCK)
    assert len(asked) == 3

    script.DEV_LOCK.write_text(f"example==1.1 \\\n    {HASH}\n")
    script.make_environment(script.DEV_LOCK)
    assert len(asked) == 4


def test_a_failed_installation_leaves_no_stamp(script: ModuleType, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = pretend_environment(copy)
    stamp = copy / ".venv" / "stamp"
    stamp.write_text("an older lock")
    for name, value in {"ROOT": copy, "PYTHON": python, "STAMP": stamp}.items():
        monkeypatch.setattr(script, name, value)
    monkeypatch.setattr(script, "run", lambda _command, **_options: False)
    with pytest.raises(script.Refused, match="安装失败"):
        script.make_environment(copy / "requirements.lock")
    assert not stamp.exists()


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        (("demo", "--json"), "-m gateway demo --json"),
        (("bench", "intake", "--clients", "8"), "-m gateway bench intake --clients 8"),
        (("test", "tests/web", "-x"), "-m pytest -n 2 -m not slow tests/web -x"),
        ((), "-m gateway --help"),
    ],
)
def test_words_become_commands_in_the_repository(
    copy: Path, script: ModuleType, tmp_path_factory: pytest.TempPathFactory, words: tuple[str, ...], arguments: str
) -> None:
    """Nothing of the script's own on stdout; the folder is the repository's wherever one stands."""
    pretend_environment(copy)
    (copy / ".venv" / "tongban-lock.sha256").write_text(script.digest(copy / "requirements-dev.lock") + "\n")
    done = started(copy, *words, cwd=tmp_path_factory.mktemp("elsewhere"))
    assert done.stdout.splitlines() == [arguments, str(copy), str(copy)]
    assert done.returncode == 0


def test_check_goes_through_every_step_and_fails_if_one_did(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []
    fails = "mypy"

    def run(command: list[str], **_options: object) -> bool:
        ran.append(" ".join(command[1:]))
        return fails not in command

    monkeypatch.setattr(script, "run", run)
    assert script.check([]) == 1
    assert len(ran) == len(script.steps(slow=False))
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("===") == len(ran)
    assert "未通过 failed:\n  类型 mypy" in said.err
    assert any(command.endswith("pytest -n 2 -m not slow") for command in ran)

    ran.clear()
    fails = ""
    assert script.check(["--slow"]) == 0
    assert any(command.endswith("pytest -n 2 -m not slow") for command in ran)
    assert any(command.endswith("pytest -n 2 -m slow") for command in ran)


def test_check_takes_no_other_argument(script: ModuleType) -> None:
    with pytest.raises(script.Refused, match="usage"):
        script.check(["--fast"])


def test_lock_needs_uv(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(script.Refused, match="uv"):
        script.main(["lock"])


def test_lock_compiles_both_files_without_addresses(
    script: ModuleType, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_options: object) -> bool:
        asked.append(command)
        return True

    monkeypatch.setattr(script, "ROOT", copy)
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(script, "run", run)
    assert script.main(["lock"]) == 0
    assert [command[-1] for command in asked] == ["requirements.lock", "requirements-dev.lock"]
    for command in asked:
        wanted = {"--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"}
        assert wanted <= set(command)
    assert "--group" not in asked[0]
    assert asked[1][asked[1].index("--group") + 1] == "dev"
