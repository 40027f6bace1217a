"""How `make test` shares the test files out among its workers: what takes longest first, and one running system."""

from typing import Final

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

ONE_SYSTEM: Final = "tests/e2e"
OWN_STACK: Final = (
    "tests/e2e/test_large_request.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_two_owners.py",
)
LONGEST_FIRST: Final = (
    *(ONE_SYSTEM, "tests/faults/", "tests/chaos/test_small_run.py", *OWN_STACK),
    *("tests/integration/", "tests/behaviours/"),
)
"""Files and folders. All others are short: they fill what is left on both sides."""


class SharingOut(LoadFileScheduling):  # type: ignore[misc]  # the library says nothing of its types
    """File by file, but all files that use the one running system go to the same worker: it is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return ONE_SYSTEM if file.startswith(ONE_SYSTEM) and file not in OWN_STACK else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_rank), last=False)
        super()._assign_work_unit(node)


def _rank(scope: str) -> int:
    ranks = (rank for rank, place in enumerate(LONGEST_FIRST) if scope == place or _is_in(place, scope))
    return next(ranks, len(LONGEST_FIRST))


def _is_in(folder: str, scope: str) -> bool:
    return folder.endswith("/") and scope.startswith(folder)
