"""How long these tests look: `test` is short and the same every time, `fuzz` is long and begins somewhere else each
time. Nothing is left in the tree.
"""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "pixelmill-hypothesis")
_ANY_SPEED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
settings.register_profile(
    "test", max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=_ANY_SPEED
)
settings.register_profile(
    "fuzz", max_examples=5000, deadline=None, database=None, print_blob=True, suppress_health_check=_ANY_SPEED
)
settings.load_profile("test")
