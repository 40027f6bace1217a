"""A processor that some pictures kill: with them in hand it kills itself, as a bug in a native library could."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.copying_processor import CopyingCodec
from services.processor.codec.memory_file import MemoryFile
from services.processor.domain.picture import CompressedPicture
from services.processor.settings import ProcessorSettings
from services.processor.wiring import NAME, OpenedCodec, run_with
from shared.recipes import Recipe
from shared.service_command import run_service
from tests.integration.processor_place import POISON


class PoisonedCodec(CopyingCodec):
    @asynccontextmanager
    async def compressed(self, source: MemoryFile, recipe: Recipe) -> AsyncIterator[CompressedPicture]:
        if source.read().endswith(POISON):
            os.kill(os.getpid(), signal.SIGKILL)
        async with super().compressed(source, recipe) as picture:
            yield picture


@asynccontextmanager
async def _poisoned_codec(_settings: ProcessorSettings) -> AsyncIterator[OpenedCodec]:
    yield PoisonedCodec(sleep_seconds=0.05)


if __name__ == "__main__":
    sys.exit(
        run_service(
            NAME,
            ProcessorSettings,
            lambda settings, _roles, stop: run_with(_poisoned_codec, settings, stop),
            description="A processor that some pictures kill.",
        )
    )
