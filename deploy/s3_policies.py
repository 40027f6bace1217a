"""What the accounts at the S3 server may do, as policies in the language of Amazon's S3."""

from collections.abc import Sequence
from typing import Any

WHOLE_BUCKET = (
    "s3:CreateBucket",
    "s3:GetBucketLocation",
    "s3:ListBucket",
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
    "s3:ListBucketMultipartUploads",
)
# For processors: no listing and no deletion. Reading is for copies within the bucket.
OBJECTS_ALONE = ("s3:GetBucketLocation", "s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload")


def policy(actions: Sequence[str], *buckets: str) -> dict[str, Any]:
    """A policy that allows these actions on these buckets and on the objects in them."""
    resources = [f"arn:aws:s3:::{bucket}{objects}" for bucket in buckets for objects in ("", "/*")]
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resources}],
    }
