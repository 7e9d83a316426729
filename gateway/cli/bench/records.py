"""测量用记录: catalogues of invented items in a city's own words, each text different where it would be."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

Record = dict[str, Any]
SUBJECTS = (
    *(
        "住房公积金提取",
        "住房公积金贷款",
        "社保卡补办",
        "社会保险登记",
        "养老保险转移",
        "医疗保险备案",
        "失业保险金申领",
    ),
    *("户口迁移", "居民身份证换领", "机动车驾驶证换证", "营业执照变更", "食品经营许可证延续", "不动产登记证明"),
    *("婚姻登记档案", "残疾人证换领", "老年人优待证", "教师资格认定", "建设工程消防设计审查", "道路运输证年审"),
    *("出生医学证明补发", "护士执业注册", "公共场所卫生许可", "药品经营许可", "烟草专卖零售许可", "特种设备使用登记"),
)
"""What the invented items are about: words as real items have them."""
_ACTS = ("办理", "查询", "申请", "变更", "注销", "核验", "补发", "备案")
_MODES = ("0,1", "1", "1", "0,1", "0,1", "2", "0,1,3")
_BODIES = {"441300": "12441300DEMY00023B", "440500": "12440500DEMY000314"}


def national(number: int, materials: int, city: str = "441300") -> Record:
    """A row of GB/T 39046 columns with its materials."""
    code = f"00201{number:07d}"
    body = _BODIES[city]
    name = f"{SUBJECTS[number % len(SUBJECTS)]}{_ACTS[number // 7 % len(_ACTS)]}（演示第{number}号）"
    return {
        "catalog_code": code,
        "local_catalog_code": f"L{number}",
        "task_code": f"{body}3{code}",
        "task_handle_item": f"{body}3{code}01",
        "task_name": name,
        "task_version": "1",
        "task_state": "在用",
        "plan_effective_date": "20260101",
        "task_type": "20",
        "use_level": "3",
        "by_law": f"演示依据（非真实条文）第{number}条",
        "dept_name": "演示机构",
        "dept_code": body,
        "dept_type": "2",
        "power_source": "演示来源",
        "project_type": "2",
        "server_type": "1,2",
        "qytbtype": _MODES[number % len(_MODES)],
        "handle_area": "跨省",
        "handle_type": "1,2",
        "anticipate_day": "20",
        "anticipate_type": "1",
        "promise_day": str(number % 20 + 1),
        "promise_type": "1",
        "accept_condition": f"演示：申请人在属地办理过第{number}号业务，材料齐全且符合要求。",
        "handle_flow": f"申请、受理、审查、决定、送达，第{number}号",
        "limit_scene_num": "1",
        "limit_scene_explain": "演示：需现场核验身份",
        "is_fee": "0",
        "link_way": f"0752-{number:07d}",
        "supervise_way": f"0752-1{number:06d}",
        "transact_addr": f"演示路{number}号",
        "transact_time": "工作日9时至17时",
        "is_online": "1",
        "online_handle_depth": "3",
        "is_entry_center": "1",
        "is_express": "1",
        "result_type": "证明",
        "result_name": f"演示证明{number}",
        "user_topic_type": "演示主题",
        "materials": [_national_material(number, place) for place in range(1, materials + 1)],
    }


def _national_material(number: int, place: int) -> Record:
    return {
        "material_name": f"演示材料{place}（第{number}号）",
        "material_type": "原件" if place % 3 else "复印件",
        "material_format": "纸质或电子",
        "is_need": "1",
        "source_type": "政府部门核发",
        "source_explain": "演示机关",
        "page_num": "1",
        "page_format": "A4",
        "accept_stand": f"清晰、有效，与第{number}号申请的第{place}项内容一致",
        "fill_explain": "如实填写",
        "by_law": f"演示依据第{place}条",
        "order_num": str(place),
        "form_guid": f"form-{place}",
        "example_guid": f"example-{place}",
    }


MAKERS: Mapping[str, Callable[..., Record]] = MappingProxyType({"gbt_39046": national})
"""Dialect → how a record of it is made, from a number and a count of materials."""


def rows(count: int, city: str, first: int) -> Iterator[Record]:
    """Flat rows for a CSV file, numbered from `first`: items whose lists are left out."""
    for number in range(first, first + count):
        row = national(number, 0, city)
        del row["materials"]
        yield row
