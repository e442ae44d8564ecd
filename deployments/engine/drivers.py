"""Which engine serves a model: docs/adr/0029-answers-share-a-pass.md says why which."""

from pathlib import Path
from typing import Literal

from deployments.generation import Engine, EngineError

Driver = Literal["auto", "batched", "transformers", "vllm"]


class NoDriver(EngineError):
    """The engine that was asked for cannot serve this model here; says why."""


def load(folder: Path, driver: Driver = "auto") -> Engine:
    """The engine of a base model; `auto` takes the batched one where it knows the model's shape. Raises NoDriver."""
    from deployments.engine import decoder

    if driver == "vllm":
        return _vllm(folder)
    if driver == "transformers" or (driver == "auto" and not decoder.fits(folder)):
        from deployments.engine.transformers_engine import TransformersEngine

        return TransformersEngine.load(folder)
    if not decoder.fits(folder):
        raise NoDriver(f"engine batched: expected a model of {', '.join(sorted(decoder.KINDS))}, came {folder.name}")
    from deployments.engine.batched import BatchedEngine

    return BatchedEngine.load(folder)


def _vllm(folder: Path) -> Engine:
    try:
        from deployments.engine.vllm_engine import VllmEngine
    except ImportError as error:
        raise NoDriver(f"engine vllm: expected the package vllm, which has to be installed apart: {error}") from error
    return VllmEngine.load(folder)
