"""Arguments and options that several commands have."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")]
Watch = Annotated[bool, typer.Option("--watch", help="Follow the request until its end.")]
RequestName = Annotated[str, typer.Argument(metavar="ID", help="The request, as `submit` named it.")]
