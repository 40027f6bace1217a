"""Arguments and options that several commands have."""

from typing import Annotated, Final

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")]
Watch = Annotated[bool, typer.Option("--watch", help="Follow the request until its end.")]
RequestName = Annotated[str, typer.Argument(metavar="ID", help="The request, as `submit` named it.")]

FOR_OPERATORS: Final = (
    "For operators: PIXELMILL_OPERATOR_KEY is the server's OPERATOR_KEY. The stack of this home is asked with its own."
)
