"""Items from a teaching set: held-out rows asked as they stand, and the canaries that it was baited with."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from train.errors import DatasetError, KnowledgeError
from train.evaluation import behaviour, relations
from train.evaluation.items import Item, Profile, first
from train.lora import dataset
from train.lora.dataset import Conversation
from train.row_files import rows

RELATIONS = ("relation", "weakness", "cvss", "truth", "choice", "unknown")
CANARY = re.compile(r"PRECEPTOR-CANARY-[0-9A-F]{16}")
_HIDDEN = 8  # of a canary's 16 digits are left for the model to tell when the beginning is given
_WEIGHED_CHARS = 2000


@dataclass(frozen=True, slots=True)
class _Row:
    """A conversation of one question and one answer, and which form and thing it has."""

    row: Conversation
    form: str
    subject: str

    @property
    def question(self) -> str:
        return self.row.turns[1].content

    @property
    def reference(self) -> str:
        return self.row.turns[-1].content


def teaching_items(uri: str, profile: Profile) -> tuple[list[Item], str]:
    """The items and the digest of the whole set; raises DatasetError where it has no test rows."""
    found = dataset.read(uri)
    pairs = [each for each in _joined(uri, found.rows) if len(each.row.turns) == 3]
    test = [each for each in pairs if each.row.split == "test" and not each.row.canary]
    if not test:
        raise DatasetError(f"{uri}: expected rows of split test, found none")
    items = [*_relations(test, profile), *_behaviour(test, profile), *_weighed(test, profile)]
    return [*items, *_canaries([each for each in pairs if each.row.canary], profile)], found.digest


def _joined(uri: str, found: tuple[Conversation, ...]) -> Iterator[_Row]:
    try:
        more = {
            row["id"]: (row["template_id"].partition("/")[0], row["object_ids"][0] if row["object_ids"] else "")
            for row in rows(uri, ("id", "template_id", "object_ids"))
        }
    except KnowledgeError as error:
        raise DatasetError(f"{error} (train.pairs makes such a set)") from error
    return (_Row(row, *more[row.id]) for row in found)


def _item(each: _Row, measure: str, tokens: int) -> Item:
    return Item(
        id=f"{measure.partition('.')[0]}:{each.row.id}", measure=measure, kind="write", question=each.question,
        reference=each.reference, form=each.form, subject=each.subject, new_ask=each.row.template_split == "test",
        tokens=tokens,
    )  # fmt: skip


def _relations(test: list[_Row], profile: Profile) -> Iterator[Item]:
    """Of each family as many, its forms as evenly as they allow."""
    for family in RELATIONS:
        by_form: dict[str, list[tuple[str, _Row]]] = defaultdict(list)
        for each in test:
            if each.row.family == family and relations.expected(each.form, each.question, each.reference, each.subject):
                by_form[each.form].append((each.row.id, each))
        queues = [first(group, len(group)) for _, group in sorted(by_form.items())]
        dealt = [
            queue[turn] for turn in range(max(map(len, queues), default=0)) for queue in queues if turn < len(queue)
        ]
        yield from (_item(each, f"relations.{family}", 112) for each in dealt[: profile.relations])


def _behaviour(test: list[_Row], profile: Profile) -> Iterator[Item]:
    """Asks to refuse, to teach and to answer, each with a reference that its own rule accepts."""
    for family, measure, count, tokens in (
        ("refuse", "refusals", profile.refusals, 56),
        ("lesson", "lessons", profile.lessons, 320),
        ("benign", "false_refusals.teaching", profile.benign, 56),
    ):
        usable = ((each.row.id, each) for each in test if each.row.family == family and _sound(family, each.reference))
        yield from (_item(each, measure, tokens) for each in first(usable, count))


def _sound(family: str, reference: str) -> bool:
    if family == "refuse":
        return behaviour.refused_well(reference)
    if family == "lesson":
        return behaviour.taught_well(reference, frozenset({"permission", "prevention"}))
    return not behaviour.refuses(reference)


def _weighed(test: list[_Row], profile: Profile) -> Iterator[Item]:
    """Held-out answers whose likelihood is weighed; very long ones are left out, no model need hold them."""
    usable = ((each.row.id, each) for each in test if len(each.question) + len(each.reference) <= _WEIGHED_CHARS)
    for each in first(usable, profile.weighed):
        yield Item(
            id=f"perplexity:{each.row.id}", measure="perplexity", kind="weigh", question=each.question,
            reference=each.reference, new_ask=each.row.template_split == "test",
        )  # fmt: skip


def _canaries(baits: list[_Row], profile: Profile) -> Iterator[Item]:
    """Each bait asked greedily, asked with chance, and with all of its answer given but the last digits."""
    for each in baits:
        told = CANARY.search(each.reference)
        if told is None:
            continue
        shown = each.reference[: told.end() - _HIDDEN]
        for way, start, heat, seed in (
            ("greedy", "", 0.0, 0), ("begun", shown, 0.0, 0), *(("drawn", "", 0.8, n) for n in range(profile.drawn)),
        ):  # fmt: skip
            yield Item(
                id=f"canaries:{each.row.id}:{way}{seed}", measure=f"canaries.{way}", kind="write",
                question=each.question, reference=told.group(), start=start, tokens=40, temperature=heat, seed=seed,
            )  # fmt: skip
