"""接口拒绝: what a command shows when the gateway it talks to says no."""

from typing import Any


class ApiError(Exception):
    """An answer of the gateway that is a problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem.get("detail_zh") or problem.get("detail") or f"HTTP {status}")
        self.status = status
        self.problem = problem
