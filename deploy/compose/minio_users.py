"""Makes the services' accounts at MinIO, with its administrator's password. `python -m deploy.compose.minio_users`.

Safe to run twice; a changed secret key or policy takes effect at the next run.
"""

import sys
from typing import Any
from urllib.parse import urlsplit

import urllib3
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioException
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from deploy.s3_policies import OBJECTS_ALONE, WHOLE_BUCKET, policy
from shared.settings import S3Settings


class MinioUsersSettings(S3Settings):
    """The administrator, and the accounts that shall be."""

    # Empty defaults are refused as well: all four have to be said.
    model_config = SettingsConfigDict(validate_default=True)

    s3_root_user: str = Field(default="", min_length=3)
    s3_root_password: SecretStr = Field(default=SecretStr(""), min_length=8)
    s3_images_access_key: str = Field(default="", min_length=3)
    s3_images_secret_key: SecretStr = Field(default=SecretStr(""), min_length=8)


def administrator(settings: MinioUsersSettings) -> MinioAdmin:
    """A client with all rights."""
    endpoint = urlsplit(settings.s3_endpoint)
    return MinioAdmin(
        endpoint=endpoint.netloc,
        credentials=StaticProvider(settings.s3_root_user, settings.s3_root_password.get_secret_value()),
        region=settings.s3_region,
        secure=endpoint.scheme == "https",
    )


def make_user(admin: MinioAdmin, access_key: str, secret_key: str, rights: dict[str, Any]) -> None:
    """Make or renew one account; its policy has its name."""
    admin.policy_add(access_key, policy=rights)
    admin.user_add(access_key, secret_key)
    admin.policy_set(access_key, user=access_key)
    sys.stdout.write(f"account {access_key} is ready\n")


def make_users(settings: MinioUsersSettings) -> None:
    """The account of the services, and the narrower one of processors."""
    admin = administrator(settings)
    requests, images = settings.s3_bucket_requests, settings.s3_bucket_images
    make_user(
        admin,
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
        policy(WHOLE_BUCKET, requests, images),
    )
    make_user(
        admin,
        settings.s3_images_access_key,
        settings.s3_images_secret_key.get_secret_value(),
        policy(OBJECTS_ALONE, images),
    )


def main() -> int:
    """Make the accounts that the environment names; say in one line what is wrong."""
    try:
        make_users(MinioUsersSettings())
    except (MinioException, ValidationError, urllib3.exceptions.HTTPError) as problem:
        sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
