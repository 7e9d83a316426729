"""The duty sheet: what the window must and must not do, by mode, and that it never promises what nobody said."""

import itertools

import pytest

from gateway.domain.duty_sheet import duty_sheet
from schemas.agreement import Agreement, Mode
from schemas.duty_sheet import CallSource, DutySheet
from schemas.service_item import ServiceItem
from tests.items import item, material

COLLECT_ITEM = "002017900002"
CONTACT = {"city": "445200", "purpose": "BUSINESS", "office": "演示窗口", "phone": "0663-0000000"}


def agreement(**changes: object) -> Agreement:
    values = {
        "agreement_id": "AG-1",
        "collecting_city": "441300",
        "deciding_city": "445200",
        "items": ["002017900001"],
        "modes": ["ONLINE", "COLLECT"],
        "valid_from": "2026-01-01",
        "provenance": {},
    }
    return Agreement.model_validate(values | changes)


def said(sheet: DutySheet) -> str:
    return "\n".join(duty.text_zh for duty in (*sheet.must, *sheet.must_not))


def test_collecting_is_a_formal_check_and_nothing_more() -> None:
    sheet = duty_sheet(item(materials=[material()], modes=["COLLECT"]), Mode.COLLECT, agreement())
    must, must_not = ("".join(d.text_zh for d in part) for part in (sheet.must, sheet.must_not))
    assert "核验申请人身份" in must
    assert "形式审查" in must
    assert "实质审查" not in must
    assert "不得作实质审查" in must_not
    assert "电子证照" in must_not
    assert "责任转给收件地" in must_not
    assert sheet.materials[0].checks_zh[0] == "必须有。"
    assert (sheet.collecting_city, sheet.deciding_city, sheet.agreement_id) == ("441300", "445200", "AG-1")


def test_online_forces_nobody_to_come_and_checks_nothing_at_the_window() -> None:
    sheet = duty_sheet(item(materials=[material(form="PAPER")], modes=["ONLINE"]), Mode.ONLINE, agreement())
    assert "不得强制申请人到现场" in said(sheet)
    assert sheet.materials[0].checks_zh == ()
    assert sheet.mailing_zh == "没有须寄送属地的纸质材料。"
    assert "收件到属地接收" not in [one.name_zh for one in sheet.limits]


def test_what_rests_on_reports_only_is_marked_and_every_duty_says_what_it_rests_on() -> None:
    for mode in Mode:
        sheet = duty_sheet(item(), mode, agreement())
        for duty in (*sheet.must, *sheet.must_not):
            assert duty.basis
            assert duty.confirmed is ("未核实" not in duty.basis)
    delegated = duty_sheet(item(), Mode.DELEGATED, agreement())
    assert [duty.confirmed for duty in delegated.must].count(False) == 1
    assert any("尚不传送授权办理" in note for note in delegated.notes_zh)
    assert not any("尚不传送" in note for note in duty_sheet(item(), Mode.COLLECT, agreement()).notes_zh)


def test_the_points_of_a_material() -> None:
    full = material(
        kind="PHOTOCOPY",
        form="PAPER",
        photocopies=2,
        page_format="A4",
        necessity="CONDITIONAL",
        necessity_condition="申请人为企业",
        licence_types=["11100000MB0143028R001"],
        acceptance_standard="清晰",
        filling_note="签名",
        tolerable=True,
    )
    optional = material("M02", "演示：佐证", necessity="OPTIONAL", form="ELECTRONIC")
    unsaid = material("M03", "演示：其他")
    sheet = duty_sheet(item(materials=[full, optional, unsaid]), Mode.COLLECT, agreement())
    first, second, third = sheet.materials
    assert first.checks_zh == (
        "仅在此情况下收取：申请人为企业",
        "可用电子证照免提交：查得到证照的，不再收取原件或复印件。",
        "形式：复印件，复印件2份，A4。",
        "介质：纸质。",
        "受理标准：清晰（只核对形式）",
        "填报须知：签名",
        "事项标为可容缺：是否容缺受理由属地决定，未经属地同意不得缺。",
    )
    assert second.checks_zh == ("可以没有，没有时不得退回。", "介质：电子。")
    assert (first.mailed, second.mailed, third.mailed) == (True, False, None)
    assert sheet.mailing_zh == (
        "寄送属地的纸质材料：演示：申请表。其余以电子件传送，不寄。未写明形式，寄前先问属地：演示：其他。"
    )


def test_whom_to_call_the_deciding_city_first() -> None:
    own = CONTACT | {"city": "441300", "office": "本地窗口", "purpose": "SYSTEM", "hours": "工作日"}
    one = item(
        consultation={"phone": "0000-0000001"},
        windows=[{"address": "演示地址", "phone": "0000-0000002"}, {"address": "无电话"}],
    )
    sheet = duty_sheet(one, Mode.COLLECT, agreement(contacts=[own, CONTACT]))
    assert [(call.office, call.source) for call in sheet.calls] == [
        ("演示窗口", CallSource.AGREEMENT),
        ("本地窗口", CallSource.AGREEMENT),
        ("演示机构", CallSource.CONSULTATION),
        ("演示地址", CallSource.WINDOW),
    ]
    assert sheet.calls[1].about_zh == "系统故障"
    assert not any("没有属地的联系方式" in note for note in sheet.notes_zh)


@pytest.mark.parametrize("consultation", [None, {"url": "演示"}])
def test_no_one_to_call_is_said(consultation: object) -> None:
    own = CONTACT | {"city": "441300"}
    sheet = duty_sheet(item(consultation=consultation), Mode.COLLECT, agreement(contacts=[own]))
    assert "没有属地的联系方式：协议没有联系人册，事项也没有咨询或窗口电话。" in sheet.notes_zh


def limits(one: ServiceItem, mode: Mode = Mode.COLLECT, **changes: object) -> dict[str, str]:
    return {found.name_zh: found.text_zh for found in duty_sheet(one, mode, agreement(**changes)).limits}


def test_limits_in_words() -> None:
    found = limits(item(), hop_limit={"value": 1, "unit": "workday"}, intake_limit={"value": 2, "unit": "workday"})
    assert found == {
        "收件到属地接收": "收件后1个工作日内送达属地。",
        "属地受理": "属地接收后2个工作日内决定是否受理。",
        "承诺办结时限": "自属地受理次日起3个工作日内办结。",
        "法定办结时限": "自属地受理次日起10个工作日内办结。",
    }
    nothing = limits(item(promised_limit=None, statutory_limit=None))
    assert nothing["收件到属地接收"] == "协议没有约定，收件后尽快推送。"
    assert nothing["属地受理"] == "事项和协议都没有约定受理期限。"
    assert nothing["承诺办结时限"] == "事项没有写明。"


def test_when_the_clock_starts_and_in_which_unit() -> None:
    hours = item(promised_limit={"value": 4, "unit": "hour"})
    assert limits(hours, clock_start="RECEIVED")["承诺办结时限"] == "自收件地收件起4小时内办结。"
    assert limits(hours, Mode.ONLINE, clock_start="RECEIVED")["承诺办结时限"] == "自属地受理起4小时内办结。"
    instant = item(project_type="INSTANT", promised_limit={"value": 1, "unit": "hour"}, statutory_limit=None)
    assert limits(instant)["承诺办结时限"] == "当场办结。"
    assert limits(item(promised_limit={"value": 0, "unit": "workday"}))["承诺办结时限"] == "当场办结。"


def test_silence_is_acceptance_for_licensing_or_where_agreed() -> None:
    licensing = item(task_type="01")
    assert limits(licensing)["属地受理"] == (
        "属地接收后5个工作日内决定是否受理。"
        "属地接收后五个工作日不作答复的，自接收之日起视为受理（行政许可法第三十二条）。"
    )
    assert limits(item(), deemed_acceptance=True)["属地受理"].endswith("按协议参照）。")
    assert "视为受理" not in limits(licensing, deemed_acceptance=False)["属地受理"]


def test_how_the_result_comes_back() -> None:
    sheet = duty_sheet(item(delivery_ways=["PICK_UP_DECIDING", "ELECTRONIC"]), Mode.COLLECT, agreement())
    assert [text[:4] for text in sheet.result_zh] == ["电子送达", "属地自取"]
    assert duty_sheet(item(), Mode.COLLECT, agreement()).result_zh == ("事项没有写明送达方式，收件时先问属地。",)


def test_a_mode_the_item_does_not_name_is_said() -> None:
    def notes(modes: object) -> str:
        return "".join(duty_sheet(item(modes=modes), Mode.COLLECT, agreement()).notes_zh)

    assert "不含异地代收代办" in notes(["ONLINE"])
    assert "没有写明通办模式" in notes(None)
    assert "通办模式" not in notes(["COLLECT"])


def test_the_collecting_citys_own_item_makes_warnings() -> None:
    theirs = item(materials=[material(), material("M9", "演示：合同")])
    ours = item(city="441300", materials=[material()])
    assert duty_sheet(theirs, Mode.COLLECT, agreement()).warnings == ()
    assert len(duty_sheet(theirs, Mode.COLLECT, agreement(), collecting_item=ours).warnings) == 1


def test_every_seed_has_a_sheet_in_every_mode(
    seeds_by_code: dict[str, dict[str, ServiceItem]], seed_agreements: tuple[Agreement, ...]
) -> None:
    for one, mode in itertools.product(seed_agreements, Mode):
        sheet = duty_sheet(seeds_by_code[COLLECT_ITEM][one.deciding_city], mode, one)
        assert DutySheet.model_validate_json(sheet.model_dump_json()) == sheet
        assert len(sheet.materials) == 3
