"""Sample catalogues of two cities in their own forms: 汕头 XML in GB18030, 赣州 an Excel workbook. All invented.

`python -m tests.simulators.catalogues FOLDER` writes 440500.xml and 360700.xlsx. In each, one item has a code that the
city's code table does not know.
"""

import sys
from pathlib import Path
from xml.sax.saxutils import escape

import xlsxwriter

Row = dict[str, object]
XML_ITEMS: list[Row] = [
    {
        "JBBM": "002017900002",
        "SXBM": "12440500DEMY0003143002017900002",
        "SXMC": "出具贷款职工住房公积金缴存使用证明",
        "SXBB": "2",
        "SXZT": "在用",
        "SXLX": "20",
        "XSCJ": "3",
        "SLBMMC": "汕头市住房公积金管理中心（演示）",
        "ASSORT": "1",
        "FWDX": "1",
        "TBMS": "1",
        "GDBLSX": "10",
        "GDBLSXDW": "1",
        "CNBLSX": "5",
        "CNBLSXDW": "1",
        "SLTJ": "<p>演示：申请人在汕头缴存满６个月。</p>",
        "DXCCS": "1",
        "BXXCYY": "演示：需现场核验身份",
        "SFSF": "0",
        "SFZCKD": "1",
        "SXRQ": "20260101",
        "SBCLQD": {
            "CL": [
                {"CLMC": "居民身份证", "CLLX": "0", "SFBY": "1", "FS": "1", "SXH": "1"},
                {"CLMC": "演示：借款合同", "CLLX": "1", "SFBY": "1", "FS": "2", "SXH": "2"},
            ]
        },
    },
    {
        "JBBM": "002017900006",
        "SXBM": "12440500DEMY0003143002017900006",
        "SXMC": "购房提取住房公积金",
        "SXBB": "1",
        "SXZT": "在用",
        "SXLX": "20",
        "XSCJ": "3",
        "SLBMMC": "汕头市住房公积金管理中心（演示）",
        "ASSORT": "9",
        "CNBLSX": "3",
        "CNBLSXDW": "1",
        "SBCLQD": {"CL": {"CLMC": "居民身份证", "CLLX": "0", "SFBY": "1", "FS": "1"}},
    },
]
SHEET_ITEMS: list[Row] = [
    {
        "事项编码": "002017900002",
        "实施编码": "12360700DEMY0008283002017900002",
        "事项名称": "出具贷款职工住房公积金缴存使用证明",
        "事项版本": 3,
        "事项状态": "在用",
        "事项类型": "公共服务",
        "行使层级": "市级",
        "部门名称": "赣州市住房公积金管理中心（演示）",
        "办件类型": "承诺件",
        "服务对象": "自然人",
        "通办模式": "异地代收代办",
        "通办范围": "2",
        "法定办结时限": "10个工作日",
        "承诺办结时限": "3个工作日",
        "受理条件": "演示：申请人在赣州缴存住房公积金。",
        "到现场次数": "1次",
        "必须现场办理原因": "演示：需现场核验身份",
        "是否收费": "否",
        "是否支持快递": "是",
        "咨询电话": "0797-0000000",
        "投诉电话": "0797-0000001",
    },
    {
        "事项编码": "002017900006",
        "实施编码": "12360700DEMY0008283002017900006",
        "事项名称": "购房提取住房公积金",
        "事项版本": 1,
        "事项类型": "公共服务",
        "行使层级": "市级",
        "部门名称": "赣州市住房公积金管理中心（演示）",
        "办件类型": "承诺件",
        "通办范围": "7",
        "承诺办结时限": "8个工作日",
        "到现场次数": "1次",
        "必须现场办理原因": "演示：需现场核验身份",
    },
]
SHEET_MATERIALS: list[Row] = [
    {"实施编码": item["实施编码"], "名称": name, "类型": kind, "是否必备": "是", "份数（原件/复印件）": copies}
    for item in SHEET_ITEMS
    for name, kind, copies in (("居民身份证", "原件", "1/0"), ("演示：缴存使用证明申请表", "申请表", "1/0"))
]


def element(name: str, value: object) -> str:
    """XML of a value: a list repeats its element, an object nests."""
    if isinstance(value, list):
        return "".join(element(name, one) for one in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(element(part, one) for part, one in value.items())}</{name}>"
    return f"<{name}>{escape(str(value))}</{name}>"


def write_xml(path: Path) -> None:
    """汕头's catalogue, declared and written in GB18030."""
    records = "".join(element("RECORD", item) for item in XML_ITEMS)
    head = '<?xml version="1.0" encoding="GB18030"?>'
    path.write_bytes(f"{head}\n<PACKAGE><DATA>{records}</DATA></PACKAGE>".encode("gb18030"))


def write_xlsx(path: Path) -> None:
    """赣州's workbook: a title above each header row, as offices make them."""
    with xlsxwriter.Workbook(path) as workbook:
        for name, rows in (("事项清单", SHEET_ITEMS), ("材料清单", SHEET_MATERIALS)):
            sheet = workbook.add_worksheet(name)
            sheet.write_string(0, 0, f"赣州市{name}（演示数据）")
            headers = list(dict.fromkeys(header for row in rows for header in row))
            sheet.write_row(1, 0, headers)
            for number, row in enumerate(rows, 2):
                sheet.write_row(number, 0, [row.get(header, "") for header in headers])


def write(folder: Path) -> None:
    """Both files."""
    write_xml(folder / "440500.xml")
    write_xlsx(folder / "360700.xlsx")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
