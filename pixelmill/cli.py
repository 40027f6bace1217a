"""The command `pixelmill`: assembles the commands, and sees to it that no stack trace reaches its user."""

import os
import sys
import traceback
from pathlib import Path
from typing import Final

import typer

from deploy.embedded.errors import StackError
from pixelmill import request_commands, stack_commands
from pixelmill.exit_codes import ExitCode
from pixelmill.home_folder import this_home

HELP: Final = """A bulk image pipeline on Kafka: a CSV of image URLs in, the same CSV with compressed copies out.

Start everything with `pixelmill up`, then submit a CSV with `pixelmill submit FILE --watch`.

Exit codes: 0 all succeeded, 1 error, 2 usage, 3 completed with failed images, 4 failed, cancelled or expired,
5 CSV refused, 6 server unreachable, 130 Ctrl-C.
"""
TRACE_FILE: Final = "pixelmill-error.log"


def build() -> typer.Typer:
    """The whole command."""
    app = typer.Typer(
        help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    stack_commands.register(app)
    request_commands.register(app)
    return app


def main() -> None:
    """Run the command. What is not known to go wrong is told in one line; the trace goes to a file."""
    try:
        build()(prog_name="pixelmill")
    except StackError as error:
        complain(str(error), ExitCode.ERROR)
    except KeyboardInterrupt:
        complain("Stopped.", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has left; nothing more can be said, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.ERROR)
    except Exception as error:
        complain(f"Unexpected {type(error).__name__}: {error}. Details: {write_trace()}", ExitCode.ERROR)


def complain(message: str, code: ExitCode) -> None:
    """Say it on standard error and leave."""
    sys.stderr.write(f"pixelmill: {message}\n")
    sys.exit(code)


def write_trace() -> str:
    """Keep the current exception's trace where its user finds it; says where."""
    text = traceback.format_exc()
    for folder in (this_home(os.environ).logs, Path.cwd()):
        try:
            (folder / TRACE_FILE).write_text(text, encoding="utf-8")
        except OSError:
            continue
        return str(folder / TRACE_FILE)
    return "could not be written"
