"""Answers as the OpenAPI document shows them."""

from typing import Any, Final

_ID: Final = "7c1f0c1e-4c39-4f5e-9a53-3f0f6a3f6a10"
_STATUS: Final = f"https://pictures.example/v1/requests/{_ID}"

ACCEPTED: Final[dict[str, Any]] = {
    "request_id": _ID,
    "state": "pending",
    "retry_of": None,
    "rows": 60,
    "images_total": 120,
    "carried_over": 0,
    "csv": {"encoding": "utf-8", "bom": False, "delimiter": ",", "line_ending": "\r\n"},
    "warnings": [],
    "warnings_total": 0,
    "status_url": _STATUS,
    "links": {"self": _STATUS, "cancel": f"{_STATUS}/cancel", "retry": None},
}
RETRIED: Final[dict[str, Any]] = {
    **ACCEPTED,
    "retry_of": "0d9b4f6a-7a0e-4c58-8a1c-2f6f0d1f6b21",
    "carried_over": 118,
}
CANCELLED: Final[dict[str, Any]] = {
    "request_id": _ID,
    "state": "processing",
    "cancel_requested_at": "2026-03-01T12:00:00.000Z",
    "status_url": _STATUS,
    "links": {"self": _STATUS, "cancel": f"{_STATUS}/cancel", "retry": None},
}
