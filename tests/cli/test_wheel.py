"""The wheel holds what an installed gateway needs: the command, seeds, migrations, problem pages."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_is_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("tongban-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "tongban = gateway.cli:main" in archive.read(entry_points).decode()
    for needed in (
        "gateway/web/problem_pages/request.invalid.md",
        "gateway/storage/migrations/versions/0001_spine.py",
        "gateway/storage/migrations/script.py.mako",
        "seeds/cities/441300.yaml",
        "seeds/items/housing_fund.yaml",
        "schemas/json/demo.schema.json",
        "adapters/rest.py",
    ):
        assert needed in names, needed
    assert not any(name.startswith(("tests/", "docs/")) for name in names)
