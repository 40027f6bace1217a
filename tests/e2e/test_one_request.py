"""One CSV in, one CSV out: what a user sees, read with foreign clients."""

import csv
import io
import json

import pytest
from standardwebhooks import Webhook

from tests.e2e.completions import completions
from tests.e2e.local_servers import PictureSource, WebhookReceiver, catalogue
from tests.e2e.system import System
from tests.waiting import until

pytestmark = pytest.mark.stack


async def test_a_request_comes_back_complete_once_and_is_announced_to_kafka_and_the_webhook(
    system: System, source: PictureSource, receiver: WebhookReceiver
) -> None:
    request_id = system.submit(catalogue(source.url, 30, missing=(7,)), callback_url=receiver.url)
    await until(lambda: system.has_ended(request_id), seconds=60)
    await until(lambda: receiver.deliveries, seconds=30)

    status = system.status(request_id)
    assert (status["state"], status["progress"]["succeeded"], status["progress"]["failed"]) == ("completed", 29, 1)
    assert status["failures"]["by_code"] == {"http_404": 1}

    rows = list(csv.DictReader(io.StringIO(system.output(request_id))))
    assert [row["Serial Number"] for row in rows] == [str(number + 1) for number in range(30)]
    assert rows[7]["Output Image URLs"] == rows[7]["Image URLs"]
    assert rows[7]["Image Statuses"] == "http_404"
    for row in rows[:7] + rows[8:]:
        image = system.http.get(row["Output Image URLs"], follow_redirects=True)
        assert (image.status_code, image.headers["content-type"]) == (200, "image/jpeg")

    [event] = [
        event for event in completions(system.addresses["KAFKA_BOOTSTRAP_SERVERS"]) if event["request_id"] == request_id
    ]
    assert event["images"] == {"total": 30, "succeeded": 29, "failed": 1, "not_attempted": 0}
    assert event["failures_by_code"] == {"http_404": 1}
    assert event["output"]["key"] == f"{request_id}/output.csv"
    assert event["failures"]["url"].endswith(f"/v1/requests/{request_id}/failures.csv")
    assert event["bytes"]["out"] < event["bytes"]["in"]

    headers, body = receiver.deliveries[0]
    verified = Webhook(system.addresses["WEBHOOK_SECRET"]).verify(body, headers)
    assert verified["type"] == "request.completed"
    assert verified["data"] == event == json.loads(body)["data"]


async def test_a_csv_with_errors_is_refused_with_all_of_them_and_nothing_is_accepted(system: System) -> None:
    text = "Serial Number,Product Name,Image URLs\n1,Mug,ftp://shop.example/a.jpg\n1,,\n"
    answer = system.http.post(
        f"{system.addresses['INGEST_PUBLIC_URL']}/v1/requests", files={"file": ("c.csv", text, "text/csv")}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert problem["errors_total"] == len(problem["errors"]) >= 3
    assert all({"row", "line", "column", "code", "message"} <= error.keys() for error in problem["errors"])


async def test_an_unknown_request_is_not_found(system: System) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    for service, path in (
        ("AGGREGATOR", f"/v1/requests/{unknown}"),
        ("AGGREGATOR", f"/v1/requests/{unknown}/output.csv"),
    ):
        answer = system.http.get(system.addresses[f"{service}_PUBLIC_URL"] + path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
