"""Receives one CSV: reads, judges and stores it in one pass, in bounded memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

from services.ingest.csv_upload import CsvRefused, PieceWriter, UploadBody, UploadObjects
from services.ingest.domain.csv_intake import CsvIntake
from services.ingest.domain.manifest import ManifestChunk
from services.ingest.domain.options import SubmitOptions
from services.ingest.fingerprint import Fingerprint
from services.ingest.manifest_uploads import ManifestUploads
from shared.ids import RequestId

# Large enough that handing a block to a thread costs little, small enough that memory stays flat.
BLOCK_BYTES: Final = 1024 * 1024


class ReceivedCsv(NamedTuple):
    """A CSV that was read to its end."""

    intake: CsvIntake
    options: SubmitOptions
    fingerprint: bytes


async def receive_csv(
    body: UploadBody,
    new_intake: Callable[[SubmitOptions], CsvIntake],
    *,
    objects: UploadObjects,
    request_id: RequestId,
) -> ReceivedCsv:
    """Store the input and its manifest, unless it is a dry run. Raises `CsvRefused` with all findings.

    After a refusal, an error or a dry run some objects may be left.
    """
    options = await body.open()
    intake, fingerprint = new_intake(options), Fingerprint()
    async with AsyncExitStack() as stack:
        manifest = await stack.enter_async_context(ManifestUploads(objects, request_id))
        writer = await stack.enter_async_context(objects.writing_input(request_id))
        async for block in blocks(body.pieces()):
            await _store(block, intake, fingerprint, manifest=manifest, writer=writer)
        options = body.options()
        last = await asyncio.to_thread(intake.finish)
        if options.dry_run:
            return ReceivedCsv(intake, options, fingerprint.complete(options))
        if intake.is_refused(keep=options.on_invalid == "keep"):
            raise CsvRefused(intake.findings)
        await manifest.add(last)
    return ReceivedCsv(intake, options, fingerprint.complete(options))


async def fingerprint_of(body: UploadBody) -> bytes:
    """Read a body to its end only to know what it asks for."""
    await body.open()
    fingerprint = Fingerprint()
    async for piece in body.pieces():
        fingerprint.add(piece)
    return fingerprint.complete(body.options())


async def blocks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Join small pieces into blocks; the last one may be small."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        if len(held) >= BLOCK_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


async def _store(
    block: bytes,
    intake: CsvIntake,
    fingerprint: Fingerprint,
    *,
    manifest: ManifestUploads,
    writer: PieceWriter,
) -> None:
    def read() -> list[ManifestChunk]:
        fingerprint.add(block)
        return intake.feed(block)

    chunks = await asyncio.to_thread(read)
    if not intake.findings.refuse(keep=True):
        await manifest.add(chunks)
        await writer.write(block)
