"""Real conflicts between cities, each by name: the same thing written in different ways must become one thing."""

from typing import Any

import pytest

from adapters.normalization.normalize import Normalized, normalize
from adapters.normalization.targets import TARGETS
from schemas.finding import Severity
from schemas.identifiers import TaskCodeShape
from schemas.service_item import ServiceItem
from tests.adapters.normalization.test_golden import ROOT, dialects

GBT = {
    "catalog_code": "000117051000",
    "task_code": "11440232MB2D06811W4000117051000",
    "task_name": "建设工程消防设计审查",
    "task_version": "1",
    "task_state": "在用",
    "task_type": "01",
    "use_level": "4",
    "dept_name": "演示：乳源县机构",
    "project_type": "9",
}
PINYIN = {
    "JBBM": "000117051000",
    "SXBM": "11440232MB2D06811W4000117051000",
    "SXMC": "建设工程消防设计审查",
    "SXBB": "1",
    "SXZT": "在用",
    "SXLX": "01",
    "XSCJ": "4",
    "SLBMMC": "演示：乳源县机构",
    "BJLX": "9",
    "ASSORT": "2",
}
SHEET = {
    "基本编码": "000117051000",
    "实施编码": "11440232MB2D06811W4000117051000",
    "事项名称": "建设工程消防设计审查",
    "事项类型": "行政许可",
    "行使层级": "县级",
    "实施主体": "演示：乳源县机构",
    "办件类型": "其他",
}


def read(dialect: str, record: dict[str, Any], **more: Any) -> Normalized:
    return normalize({**record, **more}, dialects()[dialect], place="第1行")


def item(dialect: str, record: dict[str, Any], **more: Any) -> ServiceItem:
    found = read(dialect, record, **more)
    assert found.item is not None, [one.message_zh for one in found.findings]
    return found.item


def rules(found: Normalized, severity: Severity = Severity.ERROR) -> list[tuple[str, str]]:
    return [(one.rule, one.field) for one in found.findings if one.severity is severity]


# --- 办件类型


@pytest.mark.parametrize(
    ("dialect", "record", "field", "code", "ours"),
    [
        ("gbt_39046", GBT, "project_type", "1", "INSTANT"),
        ("gbt_39046", GBT, "project_type", "2", "PROMISED"),
        ("440500", PINYIN, "ASSORT", "1", "PROMISED"),  # vendor B: the other way round
        ("440500", PINYIN, "ASSORT", "2", "INSTANT"),
        ("440500", PINYIN, "ASSORT", "3", "OTHER"),
        ("440500", PINYIN, "ASSORT", "4", "OTHER"),
        ("441500_v1", GBT, "item_type", "1", "PROMISED"),  # vendor D: the other way round, 3 means something else
        ("441500_v1", GBT, "item_type", "2", "INSTANT"),
        ("441500_v1", GBT, "item_type", "5", "OTHER"),
        ("441500_v2", GBT, "item_type", "1", "INSTANT"),
        ("441500_v2", GBT, "item_type", "2", "PROMISED"),
        ("445200", SHEET, "办件类型", "承诺件", "PROMISED"),
    ],
)
def test_project_type_numbers_mean_what_each_city_says(
    dialect: str, record: dict[str, Any], field: str, code: str, ours: str
) -> None:
    assert item(dialect, record, **{field: code}).project_type == ours


@pytest.mark.parametrize(
    ("dialect", "record", "field", "code"),
    [
        ("gbt_39046", GBT, "project_type", "3"),
        ("440500", PINYIN, "ASSORT", "5"),
        ("441500_v1", GBT, "item_type", "6"),
        ("441500_v2", GBT, "item_type", "3"),
    ],
)
def test_a_project_type_nobody_explained_waits(dialect: str, record: dict[str, Any], field: str, code: str) -> None:
    found = read(dialect, record, **{field: code})
    assert found.item is None
    assert ("unknown_code", "project_type") in rules(found)


def test_what_our_word_does_not_say_is_told() -> None:
    found = read("440500", PINYIN, ASSORT="4")
    assert rules(found, Severity.WARNING) == [("lossy", "project_type")]
    assert "联办件" in next(one.message_zh for one in found.findings if one.rule == "lossy")


# --- 通办范围


@pytest.mark.parametrize(
    ("dialect", "record", "field", "code", "ours"),
    [
        ("360700", SHEET, "通办范围", "0", "NONE"),  # vendor A
        ("360700", SHEET, "通办范围", "1", "NATIONAL"),
        ("360700", SHEET, "通办范围", "2", "CROSS_PROVINCE"),
        ("360700", SHEET, "通办范围", "3", "CROSS_CITY"),
        ("360700", SHEET, "通办范围", "4", "CROSS_COUNTY"),
        ("440500", PINYIN, "TBFW", "1", "CROSS_CITY"),  # vendor B: 全省
        ("440500", PINYIN, "TBFW", "2", "CROSS_COUNTY"),  # 全市
        ("440500", PINYIN, "TBFW", "3", None),  # 全区: known, but no word of ours
        ("440500", PINYIN, "TBFW", "4", None),  # 定点
        ("445200", SHEET, "通办范围", "跨省", "CROSS_PROVINCE"),
    ],
)
def test_handling_area_numbers_mean_what_each_city_says(
    dialect: str, record: dict[str, Any], field: str, code: str, ours: str | None
) -> None:
    assert item(dialect, record, **{field: code}).handling_area == ours


def test_handling_area_4_of_the_guangxi_payload_is_never_guessed() -> None:
    found = read("guangxi_payload", GBT, handle_area="4")
    assert rules(found) == [("unknown_code", "handling_area")]
    assert found.item is None


def test_a_known_code_without_a_word_of_ours_is_a_loss_and_no_error() -> None:
    found = read("440500", PINYIN, TBFW="4")
    assert found.item is not None
    assert rules(found, Severity.WARNING) == [("lossy", "handling_area")]


# --- names of fields


def test_serve_type_and_server_type() -> None:
    assert item("gbt_39046", GBT, server_type="1,2").served == ("1", "2")
    assert item("guangxi_payload", GBT, serve_type="1,2").served == ("1", "2")
    assert item("guangxi_payload", GBT, server_type="1,2").served == ()


def test_is_online_and_is_online_handle() -> None:
    for dialect, name in (("gbt_39046", "is_online"), ("guangxi_payload", "is_online_handle")):
        online = item(dialect, GBT, **{name: "1"}).online
        assert online is not None
        assert online.available is True


# --- copies


def test_copies_as_page_num_or_as_two_amounts_or_as_one_fraction() -> None:
    def copies(found: ServiceItem) -> list[tuple[int | None, int | None]]:
        return [(one.original_copies, one.photocopies) for one in found.materials]

    material = {"material_name": "演示", "is_need": "1"}
    national = item(
        "gbt_39046",
        GBT,
        materials=[
            {**material, "material_type": "原件", "page_num": "2"},
            {**material, "material_name": "演示二", "material_type": "复印件", "page_num": 3},
        ],
    )
    assert copies(national) == [(2, None), (None, 3)]
    guangxi = item("guangxi_payload", GBT, AUDIT_ITEM_MATERIAL=[{**material, "original_amount": 1, "copy_amount": "2"}])
    assert copies(guangxi) == [(1, 2)]
    sheet = item("360700", SHEET, 材料=[{"材料名称": "演示", "是否必备": "是", "份数（原件/复印件）": "1 / 2"}])
    assert copies(sheet) == [(1, 2)]


# --- 期限


@pytest.mark.parametrize(
    ("dialect", "record", "value", "unit", "ours"),
    [
        ("gbt_39046", GBT, "promise_day", "promise_type", {"1": ("workday", 5), "2": ("natural_day", 5), "0": None}),
        ("441500_v1", {**GBT, "item_type": "2"}, "promise_day", "promise_type", {"0": ("natural_day", 5), "2": None}),
        ("441500_v2", {**GBT, "item_type": "9"}, "promise_day", "promise_type", {"2": ("natural_day", 5), "0": None}),
        ("441300", PINYIN, "CNBLSX", "CNBLSXDW", {"0": ("natural_day", 5), "1": ("workday", 5), "2": None}),
    ],
)
def test_units_0_and_1(
    dialect: str, record: dict[str, Any], value: str, unit: str, ours: dict[str, tuple[str, int] | None]
) -> None:
    changed = {"item_type": "1"} if dialect == "441500_v1" else {}  # a promise of days is no 即办件
    for code, meaning in ours.items():
        found = read(dialect, record, **{value: "5", unit: code, **changed})
        if meaning is None:
            assert ("unknown_code", "promised_limit.unit") in rules(found)
        else:
            assert found.item is not None, found.findings
            assert found.item.promised_limit is not None
            assert (found.item.promised_limit.unit, found.item.promised_limit.value) == meaning


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("20个工作日", 20, "workday"),
        ("２０ 个工作日", 20, "workday"),
        ("15自然日", 15, "natural_day"),
        ("2小时", 2, "hour"),
        ("1周", 7, "natural_day"),
        ("1个月", 30, "natural_day"),
        ("当场办结", 0, "workday"),
    ],
)
def test_limits_in_words(text: str, value: int, unit: str) -> None:
    limit = item("445200", SHEET, 法定时限=text).statutory_limit
    assert limit is not None
    assert (limit.value, limit.unit) == (value, unit)


@pytest.mark.parametrize("text", ["3天", "3日", "20-30个工作日", "约3个工作日", "尽快", "1.5个工作日", "个工作日"])
def test_limits_that_do_not_say_enough_wait(text: str) -> None:
    found = read("445200", SHEET, 法定时限=text)
    assert found.item is None
    assert {field for _, field in rules(found)} <= {"statutory_limit.value", "statutory_limit.unit"}


def test_no_limit_is_an_answer() -> None:
    found = read("445200", SHEET, 法定时限="无")
    assert found.item is not None
    assert found.item.statutory_limit is None
    assert "statutory_limit.value" not in [one.field for one in found.findings if one.rule == "missing"]


def test_a_month_is_a_loss_and_an_hour_is_none() -> None:
    assert ("lossy", "statutory_limit.unit") in rules(read("445200", SHEET, 法定时限="1个月"), Severity.WARNING)
    assert rules(read("445200", SHEET, 法定时限="2小时"), Severity.WARNING) == []


# --- codes


SICHUAN = "511A0138000000-511602000000-000-DEMO0001-1-00"


OWN = {
    "item_code": "000117051000",
    "task_code": SICHUAN,
    "city": "350600",
    "name": "演示",
    "version": 1,
    "status": "IN_USE",
    "task_type": "01",
    "use_level": "4",
    "implementing_body": {"name": "演示"},
    "project_type": "OTHER",
}


def test_a_code_in_sichuans_manner_is_taken_where_the_profile_asks_for_no_length() -> None:
    assert item("350600", OWN).task_code == SICHUAN
    assert dialects()["350600"].shape == TaskCodeShape(task_code_length=None, handle_item_length=None)


def test_a_code_of_another_length_is_refused_where_the_profile_asks_for_one() -> None:
    found = read("441500_v2", {**GBT, "item_type": "9"}, task_code=SICHUAN)
    assert rules(found) == [("malformed", "task_code")]
    assert "31位" in found.findings[-1].message_zh
    assert found.findings[-1].source_path == "第1行/task_code"
    longer = read("441500_v2", {**GBT, "item_type": "9"}, task_handle_item=f"{GBT['task_code']}0")
    assert rules(longer) == [("malformed", "handle_item_code")]


def test_codes_of_the_sample_items_fit() -> None:
    for code in (
        "11450721MB155808114000104002000",
        "11440232MB2D06811W4000117051000",
        "11445122MB2D24374A4440225982010",
        "11100000MB032716991000115035000",
        "11450721348531435D4001033002000",
        "11370800MB285591843370117002011",
    ):
        found = item("441500_v2", {**GBT, "item_type": "9"}, task_code=code, catalog_code=code[19:])
        assert found.item_code == code[19:]


def test_another_citys_item_waits() -> None:
    found = read("350600", OWN, city="445200")
    assert found.item is None
    assert rules(found) == [("other_city", "city")]


# --- lists, times, words for nothing


def test_several_codes_with_commas() -> None:
    assert item("guangxi_payload", GBT, handle_type="1,2").handle_forms == ("1", "2")
    assert item("guangxi_payload", GBT, handle_type="1，2，1").handle_forms == ("1", "2")
    assert item("445200", SHEET, 办理形式="窗口、网上").handle_forms == ("1", "2")


@pytest.mark.parametrize(
    ("dialect", "record", "field", "value"),
    [
        ("gbt_39046", GBT, "plan_effective_date", "20260101"),
        ("gbt_39046", GBT, "plan_effective_date", "20260101T080000"),
        ("gbt_39046", GBT, "plan_effective_date", 20260101),
        ("gbt_39046", GBT, "plan_effective_date", "2026-01-01"),
        ("guangxi_payload", GBT, "plan_effective_date", 1767196800000),
        ("guangxi_payload", GBT, "plan_effective_date", "1767196800000"),
        ("445200", SHEET, "生效日期", "2026年1月1日"),
        ("445200", SHEET, "生效日期", "2026/1/1"),
        ("445200", SHEET, "生效日期", "2026-01-01T00:00:00"),
    ],
)
def test_days_in_every_writing(dialect: str, record: dict[str, Any], field: str, value: object) -> None:
    assert str(item(dialect, record, **{field: value}).effective_from) == "2026-01-01"


def test_materials_of_one_cell() -> None:
    found = item("445100", SHEET, 申请材料="身份证|必要|原件|1\n\n委托书|非必要|复印件|2")
    assert [(one.name, one.necessity, one.kind) for one in found.materials] == [
        ("身份证", "REQUIRED", "ORIGINAL"),
        ("委托书", "OPTIONAL", "PHOTOCOPY"),
    ]


def test_no_materials_at_all_is_an_answer() -> None:
    found = read("445100", SHEET, 申请材料="无")
    assert found.item is not None
    assert "materials" not in [one.field for one in found.findings]


def test_yuan_become_fen() -> None:
    fee = {"SFMC": "演示", "SFYJ": "演示依据"}
    for yuan, fen in ((5.5, 550), ("5.50", 550), (0, 0), ("12", 1200)):
        assert item("441300", PINYIN, SFSF="1", SFXM=[{**fee, "SFJE": yuan}]).fees[0].amount_fen == fen
    for yuan in ("5.555", "五元", "1e3"):
        found = read("441300", PINYIN, SFSF="1", SFXM=[{**fee, "SFJE": yuan}])
        assert ("malformed", "fees[0].amount_fen") in rules(found)


def test_blank_cells_are_empty() -> None:
    found = item("gbt_39046", GBT, entrust_name="      ", project_type="9", handle_area=" ", promise_day="  ")
    assert (found.entrusted_body, found.handling_area, found.promised_limit) == (None, None, None)


def test_the_identity_dialect_forgets_no_field_of_the_model() -> None:
    assert set(dialects()["service_item"].dialect.fields) == set(TARGETS)


def test_the_bases_are_those_of_the_repository() -> None:
    assert {path.stem for path in (ROOT / "seeds" / "dialects").glob("*.yaml")} <= set(dialects())
