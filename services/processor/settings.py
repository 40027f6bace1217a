"""Everything that a deployer can set on the processor."""

import os

from pydantic import Field

from shared.safe_http import FetchSettings
from shared.settings import AuthSettings, KafkaSettings, ProcessSettings, S3Settings


def _cores() -> int:
    return len(os.sched_getaffinity(0))


class ProcessorSettings(AuthSettings, KafkaSettings, S3Settings, FetchSettings, ProcessSettings):
    """Read once, in `__main__`."""

    max_source_bytes: int = Field(
        default=50_000_000, ge=1, le=1_000_000_000, description="Largest source that is fetched, in bytes"
    )
    max_pixels: int = Field(
        default=60_000_000, ge=1, le=500_000_000, description="Most pixels that a source may have, width times height"
    )
    codec_processes: int = Field(
        default_factory=_cores, ge=1, le=256, description="Processes that decode and encode (default: the cores)"
    )
    codec_timeout_seconds: float = Field(
        default=20.0,
        gt=0,
        le=600,
        description="Processor time that one picture may take to be decoded and encoded; with more it fails",
    )
    codec_memory_bytes: int = Field(
        default=2 * 1024**3,
        ge=512 * 1024**2,
        description="Address space of one codec process, in bytes; a picture that needs more fails",
    )
    ld_library_path: str = Field(
        default="",
        description="Where the system finds libraries, if set: codec processes, which get no other, know it too",
    )
    source_patience_seconds: int = Field(
        default=3600,
        ge=0,
        le=86_400,
        description="Images of a source that wants to be left alone, or is away, wait at most so long, then they fail",
    )
    circuit_failures: int = Field(
        default=10, ge=1, le=1000, description="Failures of a source host in a row after which it is left alone"
    )
    circuit_open_seconds: float = Field(
        default=30.0, ge=1, le=600, description="Longest time between two tries of a source host that is left alone"
    )
    images_in_flight: int = Field(
        default=16, ge=1, le=1024, description="Images that one process works on at the same time"
    )
    images_span: int = Field(
        default=512, ge=1, le=100_000, description="Records between the oldest unfinished and the newest started image"
    )
    source_memory_bytes: int = Field(
        default=256_000_000,
        ge=1,
        description="While sources in memory are larger in all, no further download starts",
    )
