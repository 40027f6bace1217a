"""How a process of Pixelmill lives: roles that run side by side until SIGTERM, or until one of them fails."""

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from fastapi import FastAPI

from shared.logs import configure_logging
from shared.settings import ProcessSettings
from shared.stopping import is_told_to_end

log = logging.getLogger(__name__)

# Nearly all objects of a record go with their last reference; a look at the young finds cycles alone.
GARBAGE_THRESHOLDS = (10_000, 10, 10)

Role = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set, then finishes what it has in hand and returns."""


def run_process(main: Callable[[asyncio.Event], Awaitable[None]], *, name: str, log_level: str) -> int:
    """Run `main` until it returns; SIGTERM and SIGINT set its stop event. Returns the exit code."""
    configure_logging(name, log_level)
    _open_files_freely()
    _keep_what_is_loaded()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_stopped(main))
    except BaseExceptionGroup as group:
        log.critical("process ends because a role failed", exc_info=group)
        return 1
    except Exception as error:
        log.critical("process ends because of an error", exc_info=error)
        return 1
    log.info("process stopped")
    return 0


def _open_files_freely() -> None:
    """Use what the system allows: usual limits of 1024 are of a time of `select`, and connections are files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _keep_what_is_loaded() -> None:
    """Modules and their models live as long as the process: nobody need look for garbage among them."""
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def run_roles(stop: asyncio.Event, *roles: Role) -> None:
    """Run roles side by side. The first failure cancels the others and is raised."""
    async with asyncio.TaskGroup() as group:
        for role in roles:
            group.create_task(_role(role, stop))


def http_role(app: FastAPI, settings: ProcessSettings) -> Role:
    """Serve `app` until stopped; requests in hand get ten seconds to finish."""

    async def serve(stop: asyncio.Event) -> None:
        config = uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopping.cancel()
        await serving

    return serve


class _Server(uvicorn.Server):
    """Leaves signals to the process: it has more than HTTP to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class RoleVanished(Exception):
    """A role was cancelled from within: something that it waited for was given up by a library. Nobody would notice,
    so the process ends, is restarted, and goes on where it was."""


async def _role(role: Role, stop: asyncio.Event) -> None:
    try:
        await role(stop)
    except asyncio.CancelledError as error:
        if is_told_to_end():
            raise
        # A task group takes no notice of a task that is cancelled and was not told to be.
        raise RoleVanished from error
    stop.set()


async def _until_stopped(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(stop)
