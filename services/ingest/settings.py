"""What ingest can be told."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from services.ingest import deployer_files
from services.ingest.domain.csv_rules import CsvRules
from services.ingest.domain.quotas import Quotas
from services.ingest.domain.recipe_book import RecipeBook
from services.ingest.domain.request_terms import Limits
from shared.safe_http.settings import AllowedNetworks
from shared.settings import (
    AuthSettings,
    KafkaSettings,
    PostgresSettings,
    ProcessSettings,
    PublicUrlSettings,
    S3Settings,
)


class IngestSettings(
    AuthSettings, KafkaSettings, PostgresSettings, S3Settings, PublicUrlSettings, AllowedNetworks, ProcessSettings
):
    """Ingest's part of the environment."""

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
        description="Sets `deadline_at` of a request; 3,600 more are added per 100,000 images",
    )
    sweep_seconds: float = Field(
        default=5.0, gt=0, le=3600, description="How often ingest looks for what a crash left undone"
    )
    quota_requests_per_hour: int = Field(
        default=1000, ge=0, description="Requests that one API key may have accepted within an hour (0: no limit)"
    )
    quota_rows_per_hour: int = Field(default=5_000_000, ge=0, description="Rows of these requests (0: no limit)")
    quota_bytes_per_hour: int = Field(
        default=5_000_000_000, ge=0, description="Bytes of CSVs, refused ones and dry runs too (0: no limit)"
    )
    quota_requests_in_flight: int = Field(
        default=100, ge=0, description="Requests and uploads of one API key that are under way at once (0: no limit)"
    )

    csv_rules_file: Path | None = Field(
        default=None, description="JSON file with the rules that CSVs must follow (default: the built-in ones)"
    )
    recipes_file: Path | None = Field(
        default=None, description="JSON file with the recipes that can be asked for (default: the packaged ones)"
    )
    url_signing_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="The key of the aggregator: with it, pictures of an output that is posted back are used again",
    )

    @field_validator("csv_rules_file")
    @classmethod
    def _rules_can_be_read(cls, path: Path | None) -> Path | None:
        deployer_files.csv_rules(path)
        return path

    @field_validator("recipes_file")
    @classmethod
    def _recipes_can_be_read(cls, path: Path | None) -> Path | None:
        deployer_files.recipe_book(path)
        return path

    def csv_rules(self) -> CsvRules:
        return deployer_files.csv_rules(self.csv_rules_file)

    def recipes(self) -> RecipeBook:
        return deployer_files.recipe_book(self.recipes_file)

    def quotas(self) -> Quotas:
        """What holds for API keys that have no quotas of their own."""
        return Quotas(
            requests_per_hour=self.quota_requests_per_hour,
            rows_per_hour=self.quota_rows_per_hour,
            bytes_per_hour=self.quota_bytes_per_hour,
            requests_in_flight=self.quota_requests_in_flight,
        )

    def limits(self) -> Limits:
        return Limits(
            chunk_size=self.chunk_size,
            window=self.window_chunks,
            max_images=self.max_images_per_request,
            deadline=timedelta(seconds=self.request_deadline_seconds),
        )
