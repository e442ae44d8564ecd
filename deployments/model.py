"""Model: the engine behind a handle, streaming pieces. It serves only what a promotion record in the log names."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from audit.keyring import read_ring
from audit.proof import check_receipt
from audit.store import open_store, to_address
from deployments import embedded
from deployments.auditor import LogHandle
from deployments.generation import Engine, Piece, Sampling
from deployments.ports import ServiceUnavailable

COALESCE_S = 0.04  # a streamed chunk costs about 2 ms of CPU per hop, so tokens travel together
START_TIMEOUT_S = 60.0


class NotPromoted(Exception):
    """The control log holds no promotion record for these weights; serving them would be unproven."""


@serve.deployment
class Model:
    """One engine per replica. Ready only after the files, the promotion record and its receipt agree."""

    async def __init__(  # type: ignore[misc]  # Serve awaits constructors
        self, models: str, name: str, control: DeploymentHandle, root: str
    ) -> None:
        folder = embedded.find(Path(models), name)
        await asyncio.to_thread(folder.check)
        await _require_promotion(LogHandle(control, START_TIMEOUT_S), folder, root)
        self._engine: Engine = await asyncio.to_thread(_load, folder.path)
        self._digest = folder.digest

    async def digest(self) -> str:
        """Digest of the weights in use, which were hashed and found promoted."""
        return self._digest

    async def stream(self, prompt: list[int], sampling: Sampling) -> AsyncGenerator[Piece]:
        """Pieces of about 40 ms of text each; when the caller goes away the generation ends before its next token."""
        text, since = "", time.monotonic()
        async with aclosing(self._engine.stream(prompt, sampling)) as pieces:
            async for piece in pieces:
                text += piece.text
                if piece.finish_reason or piece.tokens == 1 or time.monotonic() - since > COALESCE_S:
                    yield Piece(text, piece.tokens, piece.finish_reason)
                    text, since = "", time.monotonic()


class RemoteModel:
    """ModelPort over a Serve handle."""

    def __init__(self, handle: DeploymentHandle) -> None:
        self._handle = handle.options(stream=True)

    async def stream(self, prompt: Sequence[int], sampling: Sampling) -> AsyncGenerator[Piece]:
        """See ModelPort; raises ServiceUnavailable when the replica dies or is overloaded."""
        response = self._handle.stream.remote(list(prompt), sampling)
        try:
            async for piece in response:
                yield piece
        except (RayError, RayServeException) as error:
            raise ServiceUnavailable("model", type(error).__name__) from error
        finally:
            response.cancel()


async def _require_promotion(control: LogHandle, folder: embedded.ModelFolder, root: str) -> None:
    """Find the newest promotion of this name in the control log and check its receipt with the public keys alone."""
    start, newest = 0, None
    while leaves := await control.tail(start):
        start += len(leaves)
        named = [leaf for leaf in leaves if leaf["kind"] == "promotion" and leaf["fields"]["name"] == folder.name]
        newest = named[-1] if named else newest
    if newest is None or newest["fields"]["model_digest"] != folder.digest:
        raise NotPromoted(f"model {folder.name}: no promotion record names digest {folder.digest}")
    receipts: list[dict[str, Any]] = await control.receipts(newest["request_id"])
    await asyncio.to_thread(_check_receipt, receipts[0]["proof"], root)


def _check_receipt(proof: str, root: str) -> None:
    check_receipt(proof, read_ring(open_store(to_address(root))))


def _load(folder: Path) -> Engine:
    from deployments.engine import TransformersEngine

    return TransformersEngine.load(folder)
