"""The closed list of what can go wrong with one image, as users and results see it."""

from typing import Literal, get_args

ImageErrorCode = Literal[
    "invalid_url",
    "blocked_address",
    "blocked_port",
    "dns_error",
    "connect_error",
    "tls_error",
    "timeout",
    "too_many_redirects",
    "http_401",
    "http_403",
    "http_404",
    "http_410",
    "http_429",
    "http_4xx",
    "http_5xx",
    "truncated",
    "too_large",
    "too_many_pixels",
    "empty",
    "unsupported_format",
    "corrupt_image",
    "codec_timeout",
    "codec_memory",
    "codec_crash",
    "internal_error",
    "cancelled",
    "expired",
]

IMAGE_ERROR_CODES: tuple[ImageErrorCode, ...] = get_args(ImageErrorCode)
