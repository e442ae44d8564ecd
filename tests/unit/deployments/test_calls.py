"""A call that brings no answer ends the same way, however Serve sent it."""

import asyncio
from typing import Any

import grpc
import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.exceptions import BackPressureError

from deployments.calls import NoAnswer, answered


def broken(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())


async def ended(error: BaseException) -> Any:
    raise error


@pytest.mark.parametrize(
    "error",
    [
        ActorDiedError(),
        BackPressureError(1, 1),
        broken(grpc.StatusCode.INTERNAL),
        broken(grpc.StatusCode.CANCELLED),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_replica_that_went_away_brings_no_answer(error: BaseException) -> None:
    with pytest.raises(NoAnswer, match=type(error).__name__):
        await answered(ended(error))


@pytest.mark.parametrize("error", [ValueError("mine"), RayTaskError("f", "", ValueError("mine")).as_instanceof_cause()])
async def test_what_the_method_raised_comes_through(error: Exception) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  Ray keeps the class, not the message
        await answered(ended(error))


async def test_a_caller_that_is_cancelled_stays_cancelled() -> None:
    call = asyncio.ensure_future(answered(asyncio.sleep(60)))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_time_that_is_up_is_no_cancellation_from_elsewhere() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await answered(asyncio.sleep(60))


async def test_the_answer_is_given() -> None:
    assert await answered(asyncio.sleep(0, "an answer")) == "an answer"
