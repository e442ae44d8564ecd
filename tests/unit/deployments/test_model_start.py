"""The Model deployment without Ray: what keeps a replica from starting, and what it starts with all the same."""

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from audit import init, keys
from audit.log import Log
from audit.record import Entry, Kind
from deployments import embedded
from deployments.adapter import joined
from deployments.chat import ChatFormat, Turn
from deployments.confinement import Demands
from deployments.embedded import ModelFilesDiffer
from deployments.generation import Sampling
from deployments.model import Model, RemoteModel
from deployments.promoted import NotPromoted
from tests.unit.app.conftest import LocalLog
from tests.unit.train.tiny_model import write_model


class Handle:
    """A Serve handle to an object in this process."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._target, method)
        return type("Method", (), {"remote": staticmethod(call)})

    def options(self, **_: Any) -> "Handle":
        return self


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_model(tmp_path / "models" / "tiny")
    init.begin(tmp_path / "audit", tmp_path / "keys", "test", 1, [])
    return tmp_path


async def promote(home: Path, name: str, adapter: str | None = None) -> str:
    base = embedded.open_folder(home / "models" / "tiny")
    fields = {"name": name, "model_digest": joined(base.digest, adapter), "base": "tiny", "adapter_digest": adapter,
              "weights": base.files}  # fmt: skip
    log = Log.open(home / "audit" / "control", keys.load(home / "keys"))
    log.append([Entry.operational(Kind.promotion, fields, actor="operator")])
    return fields["model_digest"]


async def start(home: Path, name: str = "tiny") -> Any:
    log = LocalLog(Log.open(home / "audit" / "control", keys.load(home / "keys")), home / "audit", home / "keys")
    replica = Model.func_or_class.__new__(Model.func_or_class)
    demands = Demands(outside=(), private=(), fixed=(), required=False)
    await replica.__init__(str(home / "models"), name, Handle(log), await log.ring(), demands)
    replica._loop.cancel()
    return replica


async def test_a_promoted_model_answers_as_the_digest_that_was_promoted_and_as_no_other(home) -> None:
    digest = await promote(home, "tiny")
    replica = await start(home)
    assert await replica.problem() is None
    prompt = ChatFormat.load(home / "models" / "tiny").encode([Turn("user", "Why?")])
    async with aclosing(replica.stream(prompt, Sampling(4, seed=1), digest)) as pieces:
        assert [piece async for piece in pieces][-1].finish_reason
    with pytest.raises(Exception, match="not active"):
        await anext(replica.stream(prompt, Sampling(4), "f" * 64))


async def test_a_model_that_was_never_promoted_refuses_to_serve(home) -> None:
    with pytest.raises(NotPromoted, match="no promotion record"):
        await start(home)
    await promote(home, "other")
    with pytest.raises(NotPromoted, match="no promotion record"):
        await start(home)
    await promote(home, "tiny")
    write_model(home / "models" / "tiny", seed=1)
    with pytest.raises(NotPromoted, match="no promotion record"):
        await start(home)


async def test_a_model_that_is_not_there_or_was_changed_refuses_to_serve(home) -> None:
    with pytest.raises(FileNotFoundError):
        await start(home, "nowhere")
    folder = home / "models" / "tiny"
    (folder / embedded.MANIFEST).write_text(json.dumps(embedded.survey(folder).files))
    await promote(home, "tiny")
    (folder / "chat_template.jinja").write_text("{{ other }}")
    with pytest.raises(ModelFilesDiffer, match="chat_template"):
        await start(home)


async def test_a_replica_starts_with_an_adapter_that_it_must_refuse_so_that_it_can_be_taken_back(home) -> None:
    await promote(home, "tiny")
    await promote(home, "tiny", "c" * 64)
    assert "is not served" in await (await start(home)).problem()


async def test_what_was_taken_back_is_no_problem_from_the_next_question_for_it_on(home) -> None:
    await promote(home, "tiny")
    await promote(home, "tiny", "c" * 64)
    replica = await start(home)
    assert "is not served" in await replica.problem()
    await promote(home, "tiny")
    assert await replica.problem() is None


async def test_a_busy_replica_has_the_problem_that_it_had(home, monkeypatch) -> None:
    monkeypatch.setattr("deployments.model.PROBLEM_TIMEOUT_S", 0.05)

    class Busy:
        async def problem(self) -> str:
            raise TimeoutError

    class Told(Busy):
        async def problem(self) -> str:
            return "it is not served"

    target = Told()
    remote = RemoteModel(Handle(target))
    assert await remote.problem() == "it is not served"
    remote._handle = Handle(Busy())
    assert await remote.problem() == "it is not served"
