"""Every published text goes through the sanitizer once, however many pairs quote it."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

_BATCH = 64
CPUS_PER_WORKER = 0.4  # fractions, so that a job fits beside the serving graph on two cores


class Cleaned(Protocol):
    """A sanitized text, and which spans of the published one were changed."""

    @property
    def text(self) -> str:
        """The text as it may be used."""

    @property
    def spans(self) -> Sequence[tuple[int, int, str]]:
        """Start, end and label of each change."""


class Sanitizer(Protocol):
    """What is asked of a sanitizer; `guards.sanitize` has ours."""

    @property
    def digest(self) -> str:
        """Which one it is: what it makes changes only with it."""

    def clean(self, text: str) -> Cleaned:
        """The text without what must not be taught."""


Maker = Callable[[bytes, Sequence[str]], Sanitizer]
"""Loads a sanitizer: with the key of its placeholders, and with public names that it is to keep."""


def shipped(key: bytes, known: Sequence[str]) -> Sanitizer:
    """The sanitizer of this product."""
    from guards.sanitize import Sanitizer as Ours

    return Ours.load(key, known)


@dataclass(slots=True)
class Clean:
    """The clean text for each published one, and how often something of each label was changed."""

    texts: dict[str, str] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)
    version: str = ""


class Worker:
    """Cleans batches; one process has one sanitizer."""

    def __init__(self, make: Maker, key: bytes, known: Sequence[str]) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core for each worker: a small model gains nothing by more
        self._sanitizer = make(key, known)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """The columns text, clean, labels and version of a batch with the column text."""
        found = [self._sanitizer.clean(str(text)) for text in batch["text"]]
        return {
            "text": [str(text) for text in batch["text"]],
            "clean": [each.text for each in found],
            "labels": [",".join(label for _, _, label in each.spans) for each in found],
            "version": [self._sanitizer.digest] * len(found),
        }


def clean(texts: Iterable[str], make: Maker, key: bytes, known: Iterable[str], workers: int) -> Clean:
    """Clean each text once: on Ray Data actors, or in this process where workers is 0."""
    unique, how = sorted(set(texts)), (make, key, sorted(set(known)))
    made = Clean()
    for batch in _on_ray(unique, how, workers) if workers else _here(unique, how):
        for text, cleaned, labels in zip(batch["text"], batch["clean"], batch["labels"], strict=True):
            made.texts[str(text)] = str(cleaned)
            made.changes.update(label for label in str(labels).split(",") if label)
        made.version = str(batch["version"][0])
    return made


_How = tuple[Maker, bytes, Sequence[str]]


def _here(texts: Sequence[str], how: _How) -> Iterator[Mapping[str, Any]]:
    worker = Worker(*how)
    for start in range(0, len(texts), _BATCH):
        yield worker({"text": texts[start : start + _BATCH]})


def _on_ray(texts: Sequence[str], how: _How, workers: int) -> Iterator[Mapping[str, Any]]:
    import ray

    rows = ray.data.from_items([{"text": text} for text in texts], override_num_blocks=max(workers, len(texts) // 500))
    pool = ray.data.ActorPoolStrategy(size=workers)
    made = rows.map_batches(Worker, batch_size=_BATCH, fn_constructor_args=how, compute=pool,
                            num_cpus=CPUS_PER_WORKER)  # fmt: skip
    yield from made.iter_batches(batch_size=None)
