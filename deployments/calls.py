"""How a call over a Serve handle ends that brings no answer, by whichever way Serve sends it.

By Ray, what a method raised comes as a RayTaskError of the same class; over gRPC it comes as it is, and a replica that
went away shows as gRPC's own error, or as a cancellation that nobody here asked for.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import grpc  # type: ignore[import-untyped]  # grpcio comes without types
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import RayServeException

T = TypeVar("T")


class NoAnswer(Exception):
    """The replica or the way to it went away; whether the method ran is not known. The message is why, by class."""


async def answered(response: Awaitable[T]) -> T:
    """What a call brings. Raises NoAnswer, and whatever the method itself raised."""
    try:
        return await response
    except RayTaskError:
        raise
    except (RayError, RayServeException, grpc.RpcError) as error:
        raise NoAnswer(type(error).__name__) from error
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        raise NoAnswer(type(error).__name__) from error


def is_cancelled() -> bool:
    """Whether somebody here cancelled this task; else a cancellation came over the wire."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
