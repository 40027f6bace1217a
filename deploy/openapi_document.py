"""The OpenAPI documents of the services that users call, made without any part of the stack.

A router only registers its routes when it is made. So each service's routers are made here with ports that are
absent, and put into the same app that the service serves.
"""

import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, Self, cast

from fastapi import APIRouter

from shared.http.app import service_app
from shared.http.callers import Callers, Operators

SERVICES = ("ingest", "aggregator", "notifier")


class Absent:
    """Stands where a router wants a port. Nothing asks it: no route is ever called."""

    def __getattr__(self, _name: str) -> Self:
        return self


def openapi(service: str) -> dict[str, Any]:
    """The document that the service gives at `/openapi.json`."""
    app = service_app(service, {}, operators=Operators("required", None), debug=False)
    for make_router in router_makers(service):
        app.include_router(make_router(**_absent_ports(make_router)))
    return app.openapi()


def router_makers(service: str) -> Iterator[Callable[..., APIRouter]]:
    """Every public function of the service's `api` package that returns a router, in the order of the files."""
    if importlib.util.find_spec(f"services.{service}.api") is None:
        return
    package = importlib.import_module(f"services.{service}.api")
    for module in sorted(pkgutil.iter_modules(package.__path__, f"{package.__name__}."), key=lambda found: found.name):
        loaded = importlib.import_module(module.name)
        for _, function in inspect.getmembers(loaded, inspect.isfunction):
            annotation = inspect.signature(function).return_annotation
            if function.__module__ == module.name and annotation is APIRouter and not function.__name__.startswith("_"):
                yield function


def _absent_ports(make_router: Callable[..., APIRouter]) -> dict[str, Any]:
    operators, absent = Operators("required", None), cast(Any, Absent())
    known = {"callers": Callers(absent, operators), "operators": operators}
    return {name: known.get(name, Absent()) for name in inspect.signature(make_router).parameters}
