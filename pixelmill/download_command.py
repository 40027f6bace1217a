"""The command `download`: the CSVs of a request, and its pictures."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from pixelmill.api_answers import Part
from pixelmill.command_options import AsJson, RequestName
from pixelmill.connecting import connected
from pixelmill.display import remarks, show_json
from pixelmill.exit_codes import ExitCode
from pixelmill.picture_download import Pictures, save_pictures
from pixelmill.reporting import Unusable, reporting
from pixelmill.saved_files import STANDARD_OUTPUT, check_writable, saving

SHOWN_LOSSES: Final = 20


def download(
    request_id: RequestName,
    *,
    output: Annotated[Path | None, typer.Option(help="Where to, `-` is standard output.")] = None,
    failures: Annotated[bool, typer.Option("--failures", help="The CSV of failed rows instead.")] = False,
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="All pictures too, into this folder; those that are there stay.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save the output CSV of a request that has ended, by default as ID-output.csv or ID-failures.csv."""
    with reporting(as_json=as_json), connected() as client:
        name = "failures.csv" if failures else "output.csv"
        target = output or Path(f"{request_id.replace('/', '_')}-{name}")
        check_writable(target)
        _check_folder(images)
        with saving(target) as file:
            client.save_csv(request_id, name, file)
        pictures = None if images is None else save_pictures(client, request_id, images)
    if as_json and target != STANDARD_OUTPUT:
        show_json(_report(request_id, target, images, pictures))
    elif target != STANDARD_OUTPUT:
        remarks().print(f"Saved {target}", markup=False)
    if pictures is not None:
        _say_what_came(pictures, images)
        if pictures.lost:
            raise typer.Exit(ExitCode.ERROR)


def _check_folder(folder: Path | None) -> None:
    if folder is not None and folder.exists() and not folder.is_dir():
        raise Unusable(f"{folder} is a file; name a folder for the pictures.")
    if folder is not None and not folder.absolute().parent.is_dir():
        raise Unusable(f"{folder} cannot be made: there is no folder {folder.absolute().parent}.")


def _report(request_id: str, target: Path, folder: Path | None, pictures: Pictures | None) -> Part:
    report: dict[str, object] = {"request_id": request_id, "output": str(target)}
    if pictures is not None:
        report["images"] = {"folder": str(folder), **asdict(pictures)}
    return Part.model_validate(report)


def _say_what_came(pictures: Pictures, folder: Path | None) -> None:
    """Bad news first."""
    out = remarks()
    for name, reason in sorted(pictures.lost.items())[:SHOWN_LOSSES]:
        out.print(f"LOST {name}: {reason}", markup=False)
    if pictures.lost:
        out.print(f"{len(pictures.lost)} pictures could not be fetched; the same command tries them again.")
    out.print(f"Saved {pictures.saved} pictures in {folder}; {pictures.present} were there already.", markup=False)
