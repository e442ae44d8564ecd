"""Runs under PyRIT's own Python and imports nothing of ours: converts texts, a JSON line in and one out.

In: {"text": str, "chain": [{"converter": NAME, ...arguments}], "seed": int}. Out: {"text": str} or {"error": str}.
The same line in gives the same line out: what draws by chance draws from the seed.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any


async def convert(asked: dict[str, Any], converters: Any) -> str:
    """The text after the whole chain."""
    text: str = asked["text"]
    for step in asked["chain"]:
        arguments = {name: value for name, value in step.items() if name != "converter"}
        kind = getattr(converters, step["converter"])
        if "seed" in inspect.signature(kind.__init__).parameters:  # these draw from a source of their own
            arguments["seed"] = asked["seed"]
        text = (await kind(**arguments).convert_async(prompt=text, input_type="text")).output_text
    return text


def answer(line: str, converters: Any, set_seed: Callable[..., None]) -> dict[str, str]:
    """What is said to one line."""
    try:
        asked = json.loads(line)
        set_seed(seed=asked["seed"])
        return {"text": asyncio.run(convert(asked, converters))}
    except Exception as error:  # noqa: BLE001 - any converter's error is an answer; only our own pipe ends this process
        return {"error": f"{type(error).__name__}: {error}"[:500]}


def main() -> None:
    """Answer every line."""
    from pyrit import converter  # type: ignore[import-not-found]
    from pyrit.common.random_context import configure_random_seed  # type: ignore[import-not-found]

    said, sys.stdout = sys.stdout, sys.stderr  # what a converter prints is no answer
    for line in sys.stdin:
        said.write(json.dumps(answer(line, converter, configure_random_seed)) + "\n")
        said.flush()


if __name__ == "__main__":
    main()
