"""Items of the review desk as Label Studio's tasks, and its export as labels. Its JSON: labelstud.io/guide/export.

A project needs two Choices, `label` and `expected`, and may have a TextArea, `note`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.reviewing.labels import EXPECTED, LABELS


def config() -> str:
    """The labelling interface to paste into a project."""
    return f"""<View>
  <Text name="conversation" value="$conversation"/>
  <Choices name="label" toName="conversation" required="true">{_choices(LABELS)}</Choices>
  <Choices name="expected" toName="conversation" required="true">{_choices(EXPECTED)}</Choices>
  <TextArea name="note" toName="conversation"/>
</View>
"""


def task(item: Mapping[str, Any]) -> dict[str, Any]:
    """A task to import: the conversation and why it waits, nothing of what others think."""
    texts = [record["text"] for record in item["records"] if record["text"]]
    data = {"about": item["about"], "conversation": "\n\n".join(texts), "reasons": ", ".join(item["reasons"])}
    return {"data": data}


def annotations(tasks: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of each annotation the item and its label; raises ValueError for what is no export of such a project."""
    if not isinstance(tasks, list):
        raise ValueError(f"expected a list of tasks, came {type(tasks).__name__}")
    for number, each in enumerate(tasks):
        try:
            about, made = str(each["data"]["about"]), each["annotations"]
            for annotation in made:
                if not annotation.get("was_cancelled"):
                    yield about, _label(annotation["result"])
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"task {number}: expected data.about and annotations with results") from error


def _choices(names: Iterable[str]) -> str:
    return "".join(f'<Choice value="{name}"/>' for name in names)


def _label(result: list[dict[str, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for part in result:
        value = part["value"]
        chosen = value.get("choices") or value.get("text")
        said[part["from_name"]] = chosen[0] if isinstance(chosen, list) else chosen
    if said.get("label") not in LABELS or said.get("expected") not in EXPECTED:
        raise ValueError(f"expected a label of {LABELS} and an action of {EXPECTED}, came {sorted(map(str, said))}")
    return {name: said[name] for name in ("label", "expected", "note") if said.get(name)}
