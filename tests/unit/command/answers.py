"""What a server of Pixelmill answers."""

from collections.abc import Sequence

from tests.scripted_server import Reply


def accepted() -> Reply:
    return Reply(202, {"request_id": "r1", "state": "pending", "rows": 2, "images_total": 3, "links": {}})


def status(state: str, *, failed: int = 0, not_attempted: int = 0, codes: Sequence[str] = ()) -> Reply:
    done = 0 if state == "pending" else 3
    return Reply(
        200,
        {
            "request_id": "r1",
            "state": state,
            "progress": {
                "percent": done * 100 / 3,
                "images_total": 3,
                "images_done": done,
                "succeeded": max(0, done - failed - not_attempted),
                "failed": failed,
                "not_attempted": not_attempted,
            },
            "failures": {"by_code": dict.fromkeys(codes, 1), "by_host": {"shop.example": failed} if failed else None},
            "bytes": {"in": 4_000_000, "out": 1_000_000, "saved_percent": 75.0},
            "links": {"output_csv": "http://x/output.csv", "failures_csv": "http://x/failures.csv"},
        },
    )
