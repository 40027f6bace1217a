"""How `make test` shares the test files out among its workers: what takes longest first, and one running system."""

from typing import Final

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

LONGEST_FIRST: Final = (
    "tests/e2e",
    "tests/chaos/test_small_run.py",
    "tests/faults",
    "tests/integration",
    "tests/behaviours",
)
"""Short files come last: they fill what is left on both sides."""
ONE_SYSTEM: Final = "tests/e2e"
OWN_STACK: Final = ("tests/e2e/test_demo.py", "tests/e2e/test_large_request.py")


class SharingOut(LoadFileScheduling):  # type: ignore[misc]  # the library says nothing of its types
    """File by file, but all files that use the one running system go to the same worker: it is started once."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return ONE_SYSTEM if file.startswith(ONE_SYSTEM) and file not in OWN_STACK else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_rank), last=False)
        super()._assign_work_unit(node)


def _rank(scope: str) -> int:
    ranks = [rank for rank, folder in enumerate(LONGEST_FIRST) if scope.startswith(folder)]
    return min(ranks, default=len(LONGEST_FIRST))
