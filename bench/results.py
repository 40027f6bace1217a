"""What aggregators sustain: results of images are written as fast as they are taken. No picture is fetched.

An embedded stack without processors accepts real CSVs whose URLs nobody asks for. The result of each image is then
written to its topic. For each number of aggregators it prints one line of JSON: results a second, CPU time of every
process for each result, and the share of each aggregator.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, Final

import httpx2
from confluent_kafka import Producer

from bench.completions import Completions
from bench.process_cpu import ProcessCpu
from bench.stack import FreshStack, fresh_stack
from bench.submission import submit_pictures
from deploy.embedded.services import Scale, ServiceProgram, pixelmill_services
from deploy.embedded.stack_control import Wanted
from deploy.embedded.stack_state import read_state
from shared.events import ImageProcessed, SourceFacts, StoredRendition
from shared.ids import LOCAL_OWNER, RequestId
from shared.kafka.cloudevents import Encoded, encode
from shared.topics import IMAGES_PROCESSED

SERVICES: Final = "bench.results:services_without_processors"
RECORDED: Final = "pixelmill_results_recorded_total"
STREAMS: Final = "aggregator-"
LOOK_SECONDS: Final = 0.1
SETTLING_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 900.0
WINDOW_CHUNKS: Final = 4


def services_without_processors(scale: Scale) -> list[ServiceProgram]:
    """The list for the supervisor: nobody fetches what the CSVs name."""
    return [program for program in pixelmill_services(scale) if program.service != "processor"]


def main() -> int:
    chosen = _arguments()
    for aggregators in chosen.aggregators:
        print(json.dumps(_measured(chosen, aggregators)), flush=True)
    return 0


def _measured(chosen: argparse.Namespace, aggregators: int) -> dict[str, Any]:
    wanted = Wanted(aggregators=aggregators, supervisor_options=("--services", SERVICES))
    with (
        fresh_stack(wanted, CHUNK_SIZE=str(chosen.chunk_size)) as stack,
        Completions(stack.settings) as completions,
    ):
        run = Run(stack, completions, chosen.chunk_size)
        return run.measured(chosen.results, chosen.request_images, rate=chosen.rate)


@dataclass(frozen=True)
class Request:
    """One that was accepted."""

    request_id: str
    images: int
    chunk_size: int

    def results(self) -> Iterator[Encoded]:
        """One for each image, in the order in which chunks are released."""
        chunks = [self._chunk(number) for number in range(-(-self.images // self.chunk_size))]
        for first in range(0, len(chunks), WINDOW_CHUNKS):
            yield from _in_turns(chunks[first : first + WINDOW_CHUNKS])

    def _chunk(self, number: int) -> list[Encoded]:
        first = number * self.chunk_size
        last = min(first + self.chunk_size, self.images)
        return [self._result(index, number, last - first) for index in range(first, last)]

    def _result(self, index: int, chunk: int, images: int) -> Encoded:
        key = f"{self.request_id}/{index}/default.jpg"
        measures = {"width": 1200, "height": 900, "sha256": f"{index:064x}"}
        event = ImageProcessed(
            request_id=RequestId(self.request_id),
            owner=LOCAL_OWNER,
            chunk=chunk,
            chunk_images=images,
            chunks_total=-(-self.images // self.chunk_size),
            window=WINDOW_CHUNKS,
            indexes=(index,),
            outcome="succeeded",
            note=None,
            error=None,
            source=SourceFacts.model_validate({"bytes": 300_000, "format": "jpeg", **measures}),
            renditions=(
                StoredRendition.model_validate(
                    {"name": "default", "key": key, "format": "jpeg", "bytes": 100_000, **measures}
                ),
            ),
            attempts=1,
            duration_ms=80,
        )
        return encode(event, source="pixelmill/bench", now=datetime.now(UTC))


@dataclass(frozen=True)
class Run:
    """Results on one stack."""

    stack: FreshStack
    completions: Completions
    chunk_size: int

    def measured(self, results: int, request_images: int, *, rate: float | None) -> dict[str, Any]:
        """Accept requests, then write their results and wait until all have rows and all requests have ended."""
        requests = self._accepted(results, request_images)
        records = list(_in_turns([list(request.results()) for request in requests]))
        time.sleep(SETTLING_SECONDS)
        before, cpu = self._recorded(), ProcessCpu(self.stack.home)
        cpu.look()
        started = time.monotonic()
        self._write(records, rate)
        self._wait_for(sum(before.values()) + results)
        seconds = time.monotonic() - started
        cpu.look()
        streams = sum(spent for name, spent in cpu.seconds.items() if name.startswith(STREAMS))
        if not self.completions.wait_for(len(requests), seconds=LONGEST_SECONDS):
            raise SystemExit(f"The requests did not end within {LONGEST_SECONDS:.0f} s.")
        ended = time.monotonic() - started
        cpu.look()
        after = self._recorded()
        return {
            "aggregators": len(after),
            "results": results,
            "requests": len(requests),
            "results_per_second": round(results / seconds, 1),
            "seconds_to_the_last_completion": round(ended, 2),
            "stream_cpu_ms_per_result": round(1000 * streams / results, 3),
            "cpu_ms_per_result": {name: round(1000 * spent / results, 3) for name, spent in cpu.seconds.items()},
            "shares": {name: round((after[name] - before[name]) / results, 3) for name in after},
        }

    def _accepted(self, images: int, request_images: int) -> list[Request]:
        sizes = [min(request_images, images - first) for first in range(0, images, request_images)]
        return [Request(self._submit(size), size, self.chunk_size) for size in sizes]

    def _submit(self, images: int) -> str:
        urls = (f"https://pictures.example/{number}.jpg" for number in range(images))
        return submit_pictures(self.stack.api, urls).request_id

    def _write(self, records: Sequence[Encoded], rate: float | None) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self.stack.settings["KAFKA_BOOTSTRAP_SERVERS"],
                # As the processors choose partitions: all results of a chunk are in one.
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "queue.buffering.max.messages": 10_000_000,
                "linger.ms": 5,
            }
        )
        topic = self.stack.settings.get("KAFKA_TOPIC_PREFIX", "") + IMAGES_PROCESSED.name
        started = time.monotonic()
        for number, record in enumerate(records):
            if rate is not None:
                time.sleep(max(0.0, started + number / rate - time.monotonic()))
            producer.produce(topic, record.value, record.key, headers=list(record.headers))
            producer.poll(0)
        producer.flush()

    def _wait_for(self, recorded: float) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while sum(self._recorded().values()) < recorded:
            if time.monotonic() > deadline:
                raise SystemExit(f"Not all results were recorded within {LONGEST_SECONDS:.0f} s.")
            time.sleep(LOOK_SECONDS)

    def _recorded(self) -> dict[str, float]:
        """How many results each stream has recorded, a replay counted again."""
        ports = {
            each.name: each.port for each in read_state(self.stack.home).processes if each.name.startswith(STREAMS)
        }
        return {name: self._metric(port) for name, port in ports.items()}

    def _metric(self, port: int | None) -> float:
        key = self.stack.settings["OPERATOR_KEY"]
        answer = httpx2.get(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {key}"})
        lines = [line for line in answer.raise_for_status().text.splitlines() if line.startswith(RECORDED)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


def _in_turns(queues: Sequence[Sequence[Encoded]]) -> Iterator[Encoded]:
    for turn in zip_longest(*queues):
        yield from (record for record in turn if record is not None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.results", description=__doc__)
    parser.add_argument("--results", type=int, default=40_000, help="results in all (default: 40000)")
    parser.add_argument("--aggregators", type=int, nargs="+", default=[1, 2], help="numbers of aggregators (1 2)")
    parser.add_argument("--request-images", type=int, default=5000, help="images of each request (default: 5000)")
    parser.add_argument("--chunk-size", type=int, default=100, help="images of each chunk (default: 100)")
    parser.add_argument("--rate", type=float, help="results written in a second (default: as many as can be)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
