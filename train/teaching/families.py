"""All families that are written about the things of a knowledge base, and writing them on Ray Data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from train.teaching import choice, cvss, define, detection, exploited, relations, safety, truth, unknown, weaknesses
from train.teaching.author import Author, Draft
from train.teaching.balance import SHARES
from train.teaching.knowledge import Knowledge
from train.teaching.sanitizing import CPUS_PER_WORKER

FAMILIES = (*SHARES, "replay", "canary")
_ABOUT_A_THING = (define, relations, weaknesses, cvss, detection, exploited, choice, truth, safety)
_BATCH = 250


def about(author: Author, name: str) -> Iterator[Draft]:
    """All pairs whose subject is this live thing."""
    record = author.knowledge.get(name)
    for family in _ABOUT_A_THING if record else ():
        yield from family.drafts(author, record)


def about_nothing(author: Author) -> Iterator[Draft]:
    """Pairs about what does not exist, or does no longer."""
    yield from unknown.invented(author)
    yield from unknown.withdrawn(author)


class Scribe:
    """Writes the pairs of batches of things. A Ray actor: shared is the reference to the knowledge that all read."""

    def __init__(self, shared: Any) -> None:
        import ray

        self._author = Author(ray.get(shared))

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        """The column draft, in JSON, of a batch with the column id."""
        return {"draft": [made.dump() for name in batch["id"] for made in about(self._author, str(name))]}


def write(knowledge: Knowledge, workers: int) -> list[Draft]:
    """Every pair of the knowledge base, in an order that does not depend on who wrote which."""
    drafts = list(about_nothing(Author(knowledge)))
    names = knowledge.names()
    if workers:
        drafts += [Draft.load(text) for text in _on_ray(knowledge, names, workers)]
    else:
        drafts += [made for name in names for made in about(Author(knowledge), name)]
    return sorted(drafts, key=lambda draft: (draft.objects, draft.phrasing.id, draft.dump()))


def _on_ray(knowledge: Knowledge, names: Sequence[str], workers: int) -> Iterator[str]:
    import ray

    rows = ray.data.from_items([{"id": name} for name in names], override_num_blocks=max(workers, len(names) // 1000))
    shared = ray.put(knowledge)
    pool = ray.data.ActorPoolStrategy(size=workers)
    made = rows.map_batches(Scribe, batch_size=_BATCH, fn_constructor_args=(shared,), compute=pool,
                            num_cpus=CPUS_PER_WORKER)  # fmt: skip
    for batch in made.iter_batches(batch_size=None):
        yield from (str(text) for text in batch["draft"])
