"""Memory does not grow with the file: a child process reads it and tells its own peak."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import xlsxwriter

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import resource, sys
from pathlib import Path
from adapters.normalization.source import Source
from adapters.sources.reading import read_records
source = Source.model_validate_json(sys.argv[2])
def peak_mb():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
before_mb, count = peak_mb(), 0
for record in read_records(Path(sys.argv[1]), source):
    count += 1
print(count, peak_mb() - before_mb)
"""
MOST_MB = 40


def measured(path: Path, **source: object) -> tuple[int, int]:
    """Records, and by how many MB reading them raised the child's peak."""
    command = [sys.executable, "-c", CHILD, str(path), json.dumps(source)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=True).stdout.split()
    return int(told[0]), int(told[1])


@pytest.mark.slow
def test_a_million_rows_of_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w", encoding="gb18030") as file:
        file.write("事项编码,事项名称,法定期限,承诺期限,备注\n")
        file.writelines(f'{number:012d},住房公积金提取,20,5,"原件,复印件"\n' for number in range(1_000_000))
    count, grown_mb = measured(path, format="csv")
    assert count == 1_000_000
    assert grown_mb < MOST_MB


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_rows_of_xlsx(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("事项")
        sheet.write_row(0, 0, [f"列{number}" for number in range(20)])
        for row in range(1, 100_001):
            sheet.write_row(row, 0, [f"{row:012d}", *(f"材料{row}-{number}" for number in range(19))])
    count, grown_mb = measured(path, format="sheet")
    assert count == 100_000
    assert grown_mb < MOST_MB


@pytest.mark.slow
def test_a_hundred_megabytes_of_json_and_xml(tmp_path: Path) -> None:
    text = "原件核验后退回申请人" * 20
    materials = [{"name": f"材料{number}", "note": text} for number in range(20)]
    record = json.dumps({"code": "002017900001", "materials": materials}, ensure_ascii=False)
    count = 100 * 1024**2 // len(record.encode()) + 1
    with (tmp_path / "a.json").open("w", encoding="utf-8") as file:
        file.write('{"data": {"items": [')
        file.writelines(f"{record}," for _ in range(count - 1))
        file.write(f"{record}]}}}}")
    found, grown_mb = measured(tmp_path / "a.json", format="json", records="data.items")
    assert (tmp_path / "a.json").stat().st_size > 100 * 1024**2
    assert found == count
    assert grown_mb < MOST_MB
    element = "<R><C>002017900001</C>" + f"<M><N>材料</N><T>{text}</T></M>" * 20 + "</R>"
    with (tmp_path / "a.xml").open("w", encoding="utf-8") as file:
        file.write("<L><HEAD>" + "<JUNK>x</JUNK>\n" * 100_000 + "</HEAD>")
        file.writelines(element for _ in range(count))
        file.write("</L>")
    found, grown_mb = measured(tmp_path / "a.xml", format="xml", records="L/R")
    assert found == count
    assert grown_mb < MOST_MB
