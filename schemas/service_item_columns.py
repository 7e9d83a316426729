"""国家标准字段对照: which of our fields carries which national column. `[]` marks each element of a list."""

from collections.abc import Mapping
from types import MappingProxyType

NATIONAL_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        # 事项目录
        "catalog_code": "item_code",
        "local_catalog_code": "local_catalog_code",
        "task_name": "name",
        "task_type": "task_type",
        "use_level": "use_level",
        "by_law": "laws",
        "task_state": "status",
        "task_version": "version",
        "plan_effective_date": "effective_from",
        "plan_cancel_date": "effective_until",
        # 交换
        "cd_operation": "exchange.operation",
        "cd_time": "exchange.time",
        "cd_batch": "exchange.batch",
        "data_source": "exchange.source",
        "row_guid": "exchange.row_id",
        # 实施清单-基本
        "task_code": "task_code",
        "local_task_code": "local_task_code",
        "task_handle_item": "handle_item_code",
        "dept_name": "implementing_body.name",
        "dept_code": "implementing_body.credit_code",
        "dept_type": "implementing_body.kind",
        "entrust_name": "entrusted_body",
        "power_source": "power_source",
        "anticipate_day": "statutory_limit.value",
        "anticipate_type": "statutory_limit.unit",
        "anticipate_explain": "statutory_limit_note",
        "promise_day": "promised_limit.value",
        "promise_type": "promised_limit.unit",
        "promise_explain": "promised_limit_note",
        "accept_condition": "acceptance_conditions",
        "handle_flow": "procedure",
        "handle_type": "handle_forms",
        "server_type": "served",
        "project_type": "project_type",
        "limit_scene_num": "visits",
        "special_procedure": "special_procedures",
        "is_fee": "charges_fee",
        "fee_basis": "fees[].basis",
        "link_way": "consultation",
        "supervise_way": "complaint",
        "transact_addr": "windows[].address",
        "transact_time": "windows[].opening_hours",
        "mobile_terminal_url": "online.mobile_url",
        "is_single_login": "online.single_sign_on",
        "app_is_single_login": "online.app_single_sign_on",
        # 实施清单-扩展
        "handle_area": "handling_area",
        "is_entry_center": "in_service_hall",
        "is_express": "courier_supported",
        "is_online": "online.available",
        "online_handle_depth": "online.depth",
        "online_handle_url": "online.url",
        "is_pay_online": "online.payment",
        "is_schedule": "online.appointment",
        "is_service_terminals": "self_service_terminal",
        "limit_explain": "quantity_limit",
        "limit_scene_explain": "visit_reason",
        "other_dept": "joint_bodies",
        "result_type": "results[].kind",
        "result_name": "results[].name",
        "result_guid": "results[].sample_reference",
        "service_type": "intermediary_service",
        "user_topic_type": "person_topics",
        "corp_topic_type": "organisation_topics",
        "town_code": "town_code",
        "village_code": "village_code",
    }
)
"""事项与实施清单 columns."""

MATERIAL_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "material_name": "materials[].name",
        "material_type": "materials[].kind",
        "material_format": "materials[].form",
        "is_need": "materials[].necessity",
        "source_type": "materials[].source",
        "source_explain": "materials[].source_note",
        "page_num": "materials[].original_copies, materials[].photocopies",
        "page_format": "materials[].page_format",
        "accept_stand": "materials[].acceptance_standard",
        "fill_explain": "materials[].filling_note",
        "by_law": "materials[].law_basis",
        "order_num": "materials[].order",
        "form_guid": "materials[].blank_form_reference",
        "example_guid": "materials[].example_reference",
    }
)
"""材料 columns; a table of its own, in which `by_law` means something else."""
