"""What ingest can be told."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from services.ingest.domain.request_terms import Limits
from shared.settings import KafkaSettings, PostgresSettings, ProcessSettings, PublicUrlSettings, S3Settings


class IngestSettings(KafkaSettings, PostgresSettings, S3Settings, PublicUrlSettings, ProcessSettings):
    """Ingest's part of the environment."""

    auth: Literal["required", "off"] = Field(
        default="required", description="Whether `/v1` needs an API key; `off` makes everyone the owner `local`"
    )
    chunk_size: int = Field(default=250, ge=1, le=10_000, description="Images in one chunk of a request")
    window_chunks: int = Field(
        default=16, ge=1, le=1000, description="Chunks of one request that are under way at once"
    )
    max_upload_bytes: int = Field(default=200_000_000, ge=1024, description="Largest CSV that is taken, in bytes")
    max_images_per_request: int = Field(
        default=1_000_000, ge=1, le=1_000_000, description="Most images that one request may have"
    )
    upload_timeout_seconds: float = Field(
        default=600.0, gt=0, le=86_400, description="An upload that takes longer is cut"
    )
    uploads_at_once: int = Field(default=16, ge=1, le=256, description="Uploads that one process receives at once")
    request_deadline_seconds: int = Field(
        default=86_400,
        ge=60,
        description="A request that is older expires; 3,600 more are added per 100,000 images",
    )
    sweep_seconds: float = Field(
        default=5.0, gt=0, le=3600, description="How often ingest looks for what a crash left undone"
    )

    def limits(self) -> Limits:
        return Limits(
            chunk_size=self.chunk_size,
            window=self.window_chunks,
            max_images=self.max_images_per_request,
            deadline=timedelta(seconds=self.request_deadline_seconds),
        )
