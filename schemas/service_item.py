"""政务服务事项: one service item as one city offers it, after GB/T 39046-2020.

Every docstring opens with the Chinese term and names the national column, if there is one; the whole table is in
schemas/service_item_columns.py. The parts and the code tables can be imported from here.
"""

from datetime import date
from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.agreement import Limit, Mode
from schemas.identifiers import CatalogCode, DivisionCode, HandleItemCode, TaskCode
from schemas.model import LongText, Model, Provenance, ShortText
from schemas.service_item_codes import (
    BodyKind,
    DeliveryWay,
    HandleForm,
    HandlingArea,
    ItemStatus,
    MaterialForm,
    MaterialKind,
    MaterialOrigin,
    Necessity,
    ProjectType,
    ResultKind,
    RowOperation,
    Served,
    SpecialProcedureKind,
    TaskType,
    UseLevel,
)
from schemas.service_item_parts import (
    Contact,
    Exchange,
    Fee,
    FormChoice,
    FormField,
    FormFieldKind,
    ImplementingBody,
    Law,
    MaterialRequirement,
    Online,
    Result,
    SpecialProcedure,
    Window,
)

__all__ = [
    "BodyKind",
    "Contact",
    "DeliveryWay",
    "Exchange",
    "Fee",
    "FormChoice",
    "FormField",
    "FormFieldKind",
    "HandleForm",
    "HandlingArea",
    "ImplementingBody",
    "ItemStatus",
    "Law",
    "MaterialForm",
    "MaterialKind",
    "MaterialOrigin",
    "MaterialRequirement",
    "Necessity",
    "Online",
    "ProjectType",
    "Result",
    "ResultKind",
    "RowOperation",
    "Served",
    "ServiceItem",
    "SpecialProcedure",
    "SpecialProcedureKind",
    "TaskType",
    "UseLevel",
    "Window",
]

_NOTHING: tuple[()] = ()


class ServiceItem(Model):
    """事项: what one city offers, with the provenance of each field that is filled.

    An absent value means "not known", never "no".
    """

    item_code: CatalogCode
    """基本编码, `catalog_code`: the same in every city."""
    local_catalog_code: ShortText | None = None
    """地方目录编码, `local_catalog_code`."""
    task_code: TaskCode
    """实施编码, `task_code`."""
    local_task_code: ShortText | None = None
    """地方实施编码, `local_task_code`."""
    handle_item_code: HandleItemCode | None = None
    """业务办理项编码, `task_handle_item`."""
    city: DivisionCode
    """属地: the deciding city."""
    name: ShortText
    """事项名称, `task_name`."""
    version: Annotated[int, Field(ge=1)]
    """事项版本, `task_version`."""
    status: ItemStatus
    """事项状态, `task_state`."""
    effective_from: date | None = None
    """计划生效日期, `plan_effective_date`: the first day it is offered."""
    effective_until: date | None = None
    """计划取消日期, `plan_cancel_date`: the last day it is offered."""
    task_type: TaskType
    """事项类型, `task_type`."""
    use_level: UseLevel
    """行使层级, `use_level`."""
    laws: tuple[Law, ...] = ()
    """设定依据, `by_law`."""
    implementing_body: ImplementingBody
    """实施主体, `dept_name`, `dept_code`, `dept_type`."""
    entrusted_body: ShortText | None = None
    """委托部门, `entrust_name`."""
    power_source: ShortText | None = None
    """权力来源, `power_source`."""
    joint_bodies: tuple[ShortText, ...] = ()
    """联办机构, `other_dept`."""
    project_type: ProjectType
    """办件类型, `project_type`."""
    served: tuple[Served, ...] = ()
    """服务对象, `server_type`."""
    modes: tuple[Mode, ...] | None = None
    """通办模式; absent = not known."""
    handling_area: HandlingArea | None = None
    """通办范围, `handle_area`."""
    handle_forms: tuple[HandleForm, ...] = ()
    """办理形式, `handle_type`."""
    delivery_ways: tuple[DeliveryWay, ...] = ()
    """送达方式."""
    statutory_limit: Limit | None = None
    """法定办结时限, `anticipate_day`, `anticipate_type`."""
    statutory_limit_note: LongText | None = None
    """法定办结时限说明, `anticipate_explain`."""
    promised_limit: Limit | None = None
    """承诺办结时限, `promise_day`, `promise_type`."""
    promised_limit_note: LongText | None = None
    """承诺办结时限说明, `promise_explain`."""
    acceptance_conditions: LongText | None = None
    """受理条件, `accept_condition`."""
    procedure: LongText | None = None
    """办理流程, `handle_flow`."""
    special_procedures: tuple[SpecialProcedure, ...] = ()
    """特别程序, `special_procedure`."""
    visits: Annotated[int, Field(ge=0, le=99)] | None = None
    """到办事现场次数, `limit_scene_num`."""
    visit_reason: LongText | None = None
    """必须现场办理原因, `limit_scene_explain`."""
    charges_fee: bool | None = None
    """是否收费, `is_fee`."""
    fees: tuple[Fee, ...] = ()
    """收费, `fee_basis`."""
    consultation: Contact | None = None
    """咨询方式, `link_way`."""
    complaint: Contact | None = None
    """监督投诉方式, `supervise_way`."""
    windows: tuple[Window, ...] = ()
    """办理窗口, `transact_addr`, `transact_time`."""
    online: Online | None = None
    """网上办理."""
    in_service_hall: bool | None = None
    """是否进驻大厅, `is_entry_center`."""
    courier_supported: bool | None = None
    """是否支持物流快递, `is_express`."""
    self_service_terminal: bool | None = None
    """自助终端, `is_service_terminals`."""
    quantity_limit: LongText | None = None
    """数量限制, `limit_explain`."""
    intermediary_service: LongText | None = None
    """中介服务, `service_type`."""
    results: tuple[Result, ...] = ()
    """审批结果."""
    person_topics: tuple[ShortText, ...] = ()
    """面向自然人主题, `user_topic_type`."""
    organisation_topics: tuple[ShortText, ...] = ()
    """面向法人主题, `corp_topic_type`."""
    town_code: ShortText | None = None
    """镇代码, `town_code`."""
    village_code: ShortText | None = None
    """村代码, `village_code`."""
    materials: tuple[MaterialRequirement, ...] = ()
    """申请材料."""
    form_fields: tuple[FormField, ...] = ()
    """填报字段: what the applicant fills in; no national column."""
    exchange: Exchange | None = None
    """交换信息."""
    provenance: dict[str, Provenance]
    """数据来源 of every filled field, by its name here."""

    @model_validator(mode="after")
    def _every_filled_field_has_provenance(self) -> Self:
        filled = {name for name, value in self.__dict__.items() if value is not None and value != _NOTHING}
        filled.discard("provenance")
        if filled == self.provenance.keys():
            return self
        fields = type(self).model_fields.keys() - {"provenance"}
        if unknown := sorted(self.provenance.keys() - fields):
            raise ValueError(f"provenance含未知字段{unknown} / provenance names unknown fields {unknown}")
        if missing := sorted(filled - self.provenance.keys()):
            raise ValueError(f"字段{missing}缺少数据来源 / no provenance for {missing}")
        return self

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        codes = [material.material_code for material in self.materials]
        if len(set(codes)) != len(codes):
            raise ValueError("同一事项的材料编码重复 / a material_code occurs twice in the item")
        keys = [field.key for field in self.form_fields]
        if len(set(keys)) != len(keys):
            raise ValueError("同一事项的填报字段重复 / a form field's key occurs twice in the item")
        if self.fees and self.charges_fee is False:
            raise ValueError("不收费的事项列有收费项目 / charges_fee is false and fees are listed")
        if self.effective_from and self.effective_until and self.effective_until < self.effective_from:
            raise ValueError("取消日期早于生效日期 / effective_until is before effective_from")
        return self

    def offered(self, today: date) -> bool:
        """Whether the city takes applications on `today` (a Beijing date): in use, both end days included."""
        return (
            self.status is ItemStatus.IN_USE
            and (self.effective_from is None or self.effective_from <= today)
            and (self.effective_until is None or today <= self.effective_until)
        )

    def material(self, material_code: str) -> MaterialRequirement | None:
        """The material of that code, or None."""
        return next((one for one in self.materials if one.material_code == material_code), None)
