"""事项的组成部分: what a service item is made of, each named after its Chinese term and national column."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from schemas.agreement import Limit
from schemas.identifiers import CreditCode
from schemas.model import LongText, Model, Moment, ShortText
from schemas.service_item_codes import (
    BodyKind,
    MaterialForm,
    MaterialKind,
    MaterialOrigin,
    Necessity,
    ResultKind,
    RowOperation,
    SpecialProcedureKind,
)

Copies = Annotated[int, Field(ge=0, le=99)]


class Law(Model):
    """设定依据, `by_law`: what the item rests on."""

    name: ShortText
    """法律法规名称."""
    document_number: ShortText | None = None
    """文号."""
    clause: ShortText | None = None
    """条款号."""
    text: LongText | None = None
    """条款内容."""


class ImplementingBody(Model):
    """实施主体: the office whose power the item is."""

    name: ShortText
    """实施主体名称, `dept_name`."""
    credit_code: CreditCode | None = None
    """实施主体编码, `dept_code`."""
    kind: BodyKind | None = None
    """实施主体性质, `dept_type`."""


class Contact(Model):
    """联系方式: for 咨询 or 监督投诉."""

    phone: ShortText | None = None
    """电话."""
    url: ShortText | None = None
    """网址."""
    address: ShortText | None = None
    """窗口或信函地址."""


class Window(Model):
    """办理窗口: where and when one may come."""

    name: ShortText | None = None
    """窗口名称."""
    address: ShortText
    """办理地点, `transact_addr`."""
    opening_hours: ShortText | None = None
    """办理时间, `transact_time`."""
    phone: ShortText | None = None
    """窗口电话."""


class Fee(Model):
    """收费项目."""

    name: ShortText
    """收费名称."""
    amount_fen: Annotated[int, Field(ge=0)] | None = None
    """金额（分）; absent where the standard is a formula."""
    standard: LongText | None = None
    """收费标准."""
    basis: LongText
    """收费依据, `fee_basis`."""


class SpecialProcedure(Model):
    """特别程序, `special_procedure`: its time does not count towards the limit."""

    kind: SpecialProcedureKind
    """种类."""
    name: ShortText
    """名称."""
    limit: Limit | None = None
    """时限."""
    description: LongText | None = None
    """说明."""


class Result(Model):
    """审批结果."""

    kind: ResultKind
    """结果类型, `result_type`."""
    name: ShortText
    """结果名称, `result_name`."""
    sample_reference: ShortText | None = None
    """结果样本, `result_guid`."""
    licence_type: ShortText | None = None
    """证照类型代码 of the e-licence issued."""


class Online(Model):
    """网上办理: what can be done without a window."""

    available: bool | None = None
    """是否网办, `is_online`."""
    depth: ShortText | None = None
    """网办深度, `online_handle_depth`, as the city states it; the scales differ."""
    url: ShortText | None = None
    """网办地址, `online_handle_url`."""
    mobile_url: ShortText | None = None
    """移动端地址, `mobile_terminal_url`."""
    single_sign_on: bool | None = None
    """电脑端单点登录, `is_single_login`."""
    app_single_sign_on: bool | None = None
    """移动端单点登录, `app_is_single_login`."""
    payment: bool | None = None
    """网上支付, `is_pay_online`."""
    appointment: bool | None = None
    """预约办理, `is_schedule`."""


class MaterialRequirement(Model):
    """申请材料要求: one material of the item's list."""

    material_code: ShortText
    """材料编码, unique in the item; applications refer to it."""
    name: ShortText
    """材料名称, `material_name`."""
    kind: MaterialKind | None = None
    """材料类型, `material_type`."""
    form: MaterialForm | None = None
    """材料形式, `material_format`."""
    necessity: Necessity
    """是否必备, `is_need`."""
    necessity_condition: LongText | None = None
    """特定情况: when a CONDITIONAL material is needed."""
    source: MaterialOrigin | None = None
    """来源渠道, `source_type`."""
    source_note: LongText | None = None
    """来源渠道说明, `source_explain`."""
    original_copies: Copies | None = None
    """原件份数, first half of `page_num`."""
    photocopies: Copies | None = None
    """复印件份数, second half of `page_num`."""
    page_format: ShortText | None = None
    """规格, `page_format`."""
    acceptance_standard: LongText | None = None
    """受理标准, `accept_stand`."""
    filling_note: LongText | None = None
    """填报须知, `fill_explain`."""
    law_basis: LongText | None = None
    """要求提供材料的依据, material `by_law`."""
    order: Annotated[int, Field(ge=0)] | None = None
    """顺序, `order_num`."""
    blank_form_reference: ShortText | None = None
    """空白表格, `form_guid`."""
    example_reference: ShortText | None = None
    """示例样表, `example_guid`."""
    tolerable: bool | None = None
    """可容缺: may be missing at 受理 and be handed in later; no national column, Guangxi `is_jzbm`."""
    licence_types: tuple[ShortText, ...] = ()
    """可免提交: 证照类型代码 of each e-licence that replaces this material."""

    @model_validator(mode="after")
    def _condition_fits(self) -> Self:
        if self.necessity is Necessity.CONDITIONAL and self.necessity_condition is None:
            raise ValueError("特定情况下必要的材料应说明情况 / a CONDITIONAL material needs necessity_condition")
        return self


class FormFieldKind(StrEnum):
    """填报字段类型."""

    TEXT = "text"
    """文本."""
    INTEGER = "integer"
    """整数."""
    BOOLEAN = "boolean"
    """是否."""
    DATE = "date"
    """日期, YYYY-MM-DD."""
    CHOICE = "choice"
    """单选."""


class FormChoice(Model):
    """填报选项."""

    value: ShortText
    label: ShortText


class FormField(Model):
    """填报字段: one thing the applicant fills in. Our own extension: no national column carries it."""

    key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
    """The key in an application's `form`."""
    label: ShortText
    """名称 shown at the window."""
    kind: FormFieldKind = FormFieldKind.TEXT
    required: bool = False
    choices: tuple[FormChoice, ...] = ()
    max_length: Annotated[int, Field(ge=1, le=4000)] | None = None
    """Characters, for text."""
    hint: ShortText | None = None
    """填写说明."""

    @model_validator(mode="after")
    def _choices_fit(self) -> Self:
        if bool(self.choices) is not (self.kind is FormFieldKind.CHOICE):
            raise ValueError("单选字段须有选项，其他字段不得有选项 / exactly a choice field has choices")
        values = [choice.value for choice in self.choices]
        if len(set(values)) != len(values):
            raise ValueError("选项取值重复 / a choice value occurs twice")
        if self.max_length is not None and self.kind is not FormFieldKind.TEXT:
            raise ValueError("只有文本字段有长度上限 / only a text field has max_length")
        return self


class Exchange(Model):
    """交换信息: how the row came through the national exchange."""

    operation: RowOperation | None = None
    """同步类型, `cd_operation`."""
    time: Moment | None = None
    """同步时间, `cd_time`."""
    batch: ShortText | None = None
    """批次, `cd_batch`."""
    source: ShortText | None = None
    """数据来源, `data_source`."""
    row_id: ShortText | None = None
    """行标识, `row_guid`."""
