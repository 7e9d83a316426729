"""事项代码表: the closed vocabularies of a service item.

Where GB/T 39046-2020 Annex A has a table, the member's value is its code. Where vendors number the same thing in
different ways (办件类型, 通办范围), the value is our own word and a city profile translates.
"""

from enum import StrEnum


class TaskType(StrEnum):
    """事项类型, national `task_type`. Values: GB/T 39046-2020 Annex A."""

    ADMINISTRATIVE_POWER = "00"
    """行政权力事项."""
    LICENSING = "01"
    """行政许可."""
    PENALTY = "02"
    """行政处罚."""
    COERCION = "03"
    """行政强制."""
    LEVY = "04"
    """行政征收."""
    BENEFIT = "05"
    """行政给付."""
    INSPECTION = "06"
    """行政检查."""
    CONFIRMATION = "07"
    """行政确认."""
    AWARD = "08"
    """行政奖励."""
    ADJUDICATION = "09"
    """行政裁决."""
    OTHER_POWER = "10"
    """其他行政权力."""
    PUBLIC_SERVICE = "20"
    """公共服务."""


class UseLevel(StrEnum):
    """行使层级, national `use_level`. Values: GB/T 39046-2020 Annex A."""

    NATIONAL = "1"
    """国家级."""
    PROVINCE = "2"
    """省级."""
    CITY = "3"
    """市级."""
    COUNTY = "4"
    """县级."""
    TOWN = "5"
    """镇（乡、街道）级."""
    VILLAGE = "6"
    """村（社区）级."""
    GRADED = "7"
    """分级管理."""


class BodyKind(StrEnum):
    """实施主体性质, national `dept_type`. Values: GB/T 39046-2020 Annex A."""

    STATUTORY = "1"
    """法定机关."""
    AUTHORISED = "2"
    """授权组织."""
    ENTRUSTED = "3"
    """受委托组织."""
    OTHER = "9"
    """其他."""


class Served(StrEnum):
    """服务对象, national `server_type`. Values: GB/T 39046-2020 Annex A."""

    PERSON = "1"
    """自然人."""
    ENTERPRISE = "2"
    """企业法人."""
    PUBLIC_INSTITUTION = "3"
    """事业法人."""
    SOCIAL_ORGANISATION = "4"
    """社会组织法人."""
    GOVERNMENT = "5"
    """行政机关."""
    OTHER = "6"
    """其他."""


class HandleForm(StrEnum):
    """办理形式, national `handle_type`. Values: GB/T 39046-2020 Annex A."""

    WINDOW = "1"
    """窗口办理."""
    ONLINE = "2"
    """网上（电脑端）办理."""
    MOBILE = "3"
    """移动端办理."""
    COURIER = "4"
    """快递申请."""
    OTHER = "9"
    """其他."""


class SpecialProcedureKind(StrEnum):
    """特别程序种类. Values: GB/T 39046-2020 Annex A."""

    EXTENSION = "1"
    """延长审批."""
    OTHER = "2"
    """听证、检验、检测、检疫、鉴定、专家评审等."""


class ProjectType(StrEnum):
    """办件类型, national `project_type`. GB/T 39046 has 1 即办, 2 承诺, 9 其他; two vendors have 1 and 2 swapped."""

    INSTANT = "INSTANT"
    """即办件: decided on the spot."""
    PROMISED = "PROMISED"
    """承诺件: decided within a promised limit."""
    OTHER = "OTHER"
    """其他."""


class ItemStatus(StrEnum):
    """事项状态, national `task_state`."""

    IN_USE = "IN_USE"
    """在用."""
    SUSPENDED = "SUSPENDED"
    """暂停."""
    CANCELLED = "CANCELLED"
    """取消."""


class HandlingArea(StrEnum):
    """通办范围, national `handle_area`. Three vendors number it in three ways, hence our own words."""

    NONE = "NONE"
    """未实现通办."""
    NATIONAL = "NATIONAL"
    """全国."""
    CROSS_PROVINCE = "CROSS_PROVINCE"
    """跨省."""
    CROSS_CITY = "CROSS_CITY"
    """跨市."""
    CROSS_COUNTY = "CROSS_COUNTY"
    """跨县."""


class DeliveryWay(StrEnum):
    """送达方式: how the applicant gets the result."""

    ELECTRONIC = "ELECTRONIC"
    """电子送达, the e-licence included."""
    COURIER = "COURIER"
    """邮寄送达."""
    PICK_UP_COLLECTING = "PICK_UP_COLLECTING"
    """收件地自取."""
    PICK_UP_DECIDING = "PICK_UP_DECIDING"
    """属地自取."""


class ResultKind(StrEnum):
    """结果类型, national `result_type`."""

    LICENCE = "LICENCE"
    """证照."""
    APPROVAL = "APPROVAL"
    """批文."""
    CERTIFICATE = "CERTIFICATE"
    """证明."""
    OTHER = "OTHER"
    """其他."""


class Necessity(StrEnum):
    """是否必备, national `is_need`."""

    REQUIRED = "REQUIRED"
    """必要."""
    OPTIONAL = "OPTIONAL"
    """非必要."""
    CONDITIONAL = "CONDITIONAL"
    """特定情况下必要; the case is in `necessity_condition`."""


class MaterialKind(StrEnum):
    """材料类型, national `material_type`."""

    ORIGINAL = "ORIGINAL"
    """原件."""
    PHOTOCOPY = "PHOTOCOPY"
    """复印件."""
    ORIGINAL_AND_PHOTOCOPY = "ORIGINAL_AND_PHOTOCOPY"
    """原件和复印件."""
    FORM = "FORM"
    """申请表格."""


class MaterialForm(StrEnum):
    """材料形式, national `material_format`."""

    PAPER = "PAPER"
    """纸质."""
    ELECTRONIC = "ELECTRONIC"
    """电子."""
    PAPER_OR_ELECTRONIC = "PAPER_OR_ELECTRONIC"
    """纸质或电子."""


class MaterialOrigin(StrEnum):
    """来源渠道, national `source_type`: who issues the material."""

    APPLICANT = "APPLICANT"
    """申请人自备."""
    GOVERNMENT = "GOVERNMENT"
    """政府部门核发."""
    OTHER = "OTHER"
    """其他."""


class RowOperation(StrEnum):
    """同步类型, national `cd_operation`."""

    INSERT = "I"
    """新增."""
    UPDATE = "U"
    """更新."""
    DELETE = "D"
    """删除."""
