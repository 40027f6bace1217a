"""The process that `up` leaves behind: it starts the parts, prepares them, starts the services, keeps all running."""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.embedded.desired_scale import read_scale
from deploy.embedded.errors import StackError
from deploy.embedded.fleet import Fleet
from deploy.embedded.free_ports import PortReservations
from deploy.embedded.home import Home
from deploy.embedded.log_files import cut_if_large
from deploy.embedded.preparation import Preparation
from deploy.embedded.process_identity import ProcessIdentity, identify
from deploy.embedded.service_process import ServiceProcess
from deploy.embedded.services import Scale, ServiceList, ServiceProgram
from deploy.embedded.stack_parts import External, StackParts, assemble
from deploy.embedded.stack_ports import choose_ports
from deploy.embedded.stack_secrets import load_secrets
from deploy.embedded.stack_settings import common_settings, effective_settings
from deploy.embedded.stack_state import read_state
from deploy.embedded.state_board import StateBoard

LOG = logging.getLogger(__name__)
HOUSEKEEPING_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to supervise."""

    home: Home
    environment: Mapping[str, str]
    services: ServiceList
    prepare_module: str
    fixed_ports: bool = False


class Supervisor:
    """Runs one stack from start to stop."""

    def __init__(self, plan: Plan, reservations: PortReservations) -> None:
        self._plan = plan
        self._reservations = reservations
        known = read_state(plan.home).ports
        self._board = StateBoard(plan.home, ourselves(), known)
        self._parts = Fleet(plan.home, self._board.report)
        self._services = Fleet(plan.home, self._board.report)
        self._ports: dict[str, int] = {}
        self._settings: Mapping[str, str] = {}
        self._preparation: Preparation | None = None
        self._stop_wanted = asyncio.Event()
        self._scale_changed = asyncio.Event()

    async def run(self) -> bool:
        """Supervise until SIGTERM or SIGINT. Says whether all went as planned."""
        self._listen_to_signals()
        work = [asyncio.create_task(task) for task in (self._work(), self._keep_house(), self._stop_wanted.wait())]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            problem = next((task.exception() for task in done if task.exception()), None)
        finally:
            for task in work:
                task.cancel()
        await self._stop()
        return self._close(problem)

    def _close(self, problem: BaseException | None) -> bool:
        if problem is None:
            self._board.enter("stopped")
            return True
        if not isinstance(problem, StackError):
            LOG.error("The supervisor has a bug", exc_info=problem)
        self._board.enter("failed", str(problem) or type(problem).__name__)
        return False

    async def _work(self) -> None:
        """Bring everything up, then follow the wanted numbers of processes."""
        parts = self._set_up()
        self._parts.start(parts.parts)
        await asyncio.gather(self._parts.all_ready(), self._prepare())
        while True:
            self._scale_changed.clear()
            await self._fit(read_scale(self._plan.home))
            await self._services.all_ready()
            self._board.enter("running")
            await self._until_scale_changes()
            self._board.enter("starting")

    def _set_up(self) -> StackParts:
        """Choose ports, load secrets, and say both where the commands look."""
        home, environment = self._plan.home, self._plan.environment
        names = External.of(environment).port_names() + self._service_names(read_scale(home))
        known = self._board.state.ports
        self._ports = choose_ports(names, self._reservations, known, fixed=self._plan.fixed_ports)
        secrets = load_secrets(home)
        parts = assemble(home, self._ports, secrets, {**environment, "PIXELMILL_HOME": str(home.path)})
        common = common_settings(home, self._ports, secrets, environment)
        self._settings = effective_settings(common, parts.settings, environment)
        self._board.listens(self._ports, self._settings)
        return parts

    async def _prepare(self) -> None:
        plan = self._plan
        environment = {**plan.environment, **self._settings}
        self._preparation = Preparation(plan.home, plan.prepare_module, environment, self._board.report)
        await self._preparation.run()
        self._preparation = None

    async def _fit(self, scale: Scale) -> None:
        """Start and stop services so that there are as many as wanted."""
        wanted = {program.name: program for program in self._plan.services(scale)}
        surplus = [name for name in self._services.names if name not in wanted]
        await self._services.stop(surplus)
        for name in surplus:
            self._board.forget(name)
        self._services.start(self._service(wanted[name]) for name in wanted if name not in self._services.names)
        self._board.listens(self._ports, self._settings)
        self._board.scaled(scale)

    def _service(self, program: ServiceProgram) -> ServiceProcess:
        if program.name not in self._ports:
            self._ports[program.name] = self._reservations.take_any()
        return ServiceProcess(
            home=self._plan.home,
            program=program,
            port=self._ports[program.name],
            environment={**self._plan.environment, **self._settings},
        )

    def _service_names(self, scale: Scale) -> list[str]:
        return [program.name for program in self._plan.services(scale)]

    async def _until_scale_changes(self) -> None:
        """Wait, and raise what a keeper raised: its part would not be kept any more."""
        waits = [self._scale_changed.wait(), self._parts.broken(), self._services.broken()]
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _keep_house(self) -> None:
        """Keep logs small. When the home was deleted, end: nobody could find this stack any more."""
        while self._plan.home.state_file.exists() or not self._ports:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            for log in self._plan.home.logs.glob("*.log"):
                cut_if_large(log)
        LOG.warning("The home %s is gone, so this stack stops", self._plan.home.path)

    async def _stop(self) -> None:
        """Services first, so that they can finish what they have in hand; then the parts."""
        self._board.enter("stopping")
        if self._preparation is not None:
            await self._preparation.stop()
        await self._services.stop()
        await self._parts.stop()

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_wanted.set)
        loop.add_signal_handler(signal.SIGHUP, self._scale_changed.set)


def ourselves() -> ProcessIdentity:
    """This process."""
    identity = identify(os.getpid())
    assert identity is not None, "a process that runs has an entry in /proc"
    return identity
