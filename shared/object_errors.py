"""What the trouble of the clients of S3 means to a caller."""

from collections.abc import Iterator
from contextlib import contextmanager

import urllib3
from minio.error import InvalidResponseError, S3Error, ServerError

from shared.errors import DependencyAway
from shared.s3_http import NoAnswer, Refused


class ObjectMissing(LookupError):
    """There is no such object."""


DEPENDENCY = "s3"

_MISSING = frozenset({"NoSuchKey", "NoSuchObject", "ResourceNotFound"})
# Busy, broken or full; or it refuses us altogether, for a key, a bucket or a clock. That is never a picture's fault,
# and it is over when somebody has put it right.
_AWAY = frozenset(
    {
        *("InternalError", "ServiceUnavailable", "SlowDown", "SlowDownRead", "SlowDownWrite", "RequestTimeout"),
        *("InsufficientStorage", "QuotaExceeded", "StorageFull", "XMinioStorageFull", "XMinioServerNotInitialized"),
        *("AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "NoSuchBucket"),
        *("AuthorizationHeaderMalformed", "RequestTimeTooSkewed", "SignatureDoesNotMatch"),
        # Damaged or cut short on its way: what was to be stored is whole.
        *("BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"),
    }
)
_SERVER_ERRORS = range(500, 600)


@contextmanager
def mapping_errors(key: str = "") -> Iterator[None]:
    """Raise `ObjectMissing` and `DependencyAway` for what means that; all else passes through."""
    try:
        yield
    except S3Error as error:
        _explain(str(error.code), error.response.status, key=str(error.object_name), cause=error)
        raise
    except Refused as error:
        _explain(error.code, error.status, key=key, cause=error)
        raise
    except NoAnswer as error:
        raise DependencyAway(DEPENDENCY, str(error)) from error
    except (ServerError, InvalidResponseError, urllib3.exceptions.HTTPError, ConnectionError) as error:
        raise DependencyAway(DEPENDENCY, type(error).__name__) from error


def _explain(code: str, status: int, *, key: str, cause: Exception) -> None:
    """Raise what a refusal means to the caller, when it means something."""
    if code in _MISSING:
        raise ObjectMissing(key) from cause
    if code in _AWAY or status in _SERVER_ERRORS:
        raise DependencyAway(DEPENDENCY, code) from cause
