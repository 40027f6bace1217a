"""The README's table of settings, made from the services' settings models."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from services.aggregator.settings import AggregatorSettings
from services.ingest.settings import IngestSettings
from services.notifier.settings import NotifierSettings
from services.processor.settings import ProcessorSettings

BEGIN = "<!-- settings: written by `make docs` -->"
END = "<!-- end of settings -->"

SERVICES: dict[str, type[BaseSettings]] = {
    "ingest": IngestSettings,
    "processor": ProcessorSettings,
    "aggregator": AggregatorSettings,
    "notifier": NotifierSettings,
}


def with_settings_table(text: str) -> str:
    """Replace what stands between the two markers of `text` by the current table."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{settings_table()}\n{END}{after}"


def settings_table() -> str:
    """One row a setting: name, default, what it is for, and the services that read it."""
    rows: dict[str, tuple[FieldInfo, list[str]]] = {}
    for service, model in SERVICES.items():
        for name, field in model.model_fields.items():
            rows.setdefault(name, (field, []))[1].append(service)
    lines = [_row(name, field, users) for name, (field, users) in sorted(rows.items())]
    return "\n".join(["| setting | default | meaning | read by |", "|---|---|---|---|", *lines])


def _row(name: str, field: FieldInfo, users: list[str]) -> str:
    read_by = "all" if len(users) == len(SERVICES) else ", ".join(users)
    return f"| `{name.upper()}` | {_default(field)} | {_meaning(field)} | {read_by} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return ""  # it depends on the machine; the description says how
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{value}`" if value not in (None, "", ()) else ""


def _meaning(field: FieldInfo) -> str:
    choices = [str(choice) for choice in _choices(field.annotation)]
    meaning = (field.description or "").replace("|", "\\|")
    if choices and not all(choice in meaning for choice in choices):
        meaning += f" ({', '.join(f'`{choice}`' for choice in choices)})"
    return meaning


def _choices(annotation: Any) -> Iterator[Any]:
    if getattr(annotation, "__name__", "") == "Literal" or str(annotation).startswith("typing.Literal"):
        yield from get_args(annotation)
