"""What a replica serves: only what the log names and proves, swapped without dropping a stream. Real engine and log."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from audit import init, keys
from audit.log import Log
from audit.record import Entry, Kind
from deployments import embedded, promoted, served
from deployments.adapter import joined, open_adapter
from deployments.chat import Turn
from deployments.embedded import ModelFolder
from deployments.engine.transformers_engine import TransformersEngine
from deployments.generation import Piece, Sampling
from deployments.promoted import NotPromoted, Promotion, Promotions
from deployments.served import NotServed, Served
from tests.unit.app.conftest import LocalLog
from tests.unit.deployments.tiny_adapter import write_adapter
from tests.unit.train.tiny_model import write_model

LONG, SHORT = Sampling(60, temperature=1.0, seed=5), Sampling(8, temperature=1.0, seed=5)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> ModelFolder:
    return embedded.survey(write_model(tmp_path_factory.mktemp("models") / "tiny"))


@dataclass
class Replica:
    """A log, a folder of models, and what serves out of both."""

    home: Path
    base: ModelFolder
    log: LocalLog = field(init=False)
    served: Served = field(init=False)
    engine: TransformersEngine = field(init=False)

    def __post_init__(self) -> None:
        init.begin(self.home / "audit", self.home / "keys", "test", 1, [])
        self.log = LocalLog(
            Log.open(self.home / "audit" / "control", keys.load(self.home / "keys")),
            self.home / "audit",
            self.home / "keys",
        )
        self.engine = TransformersEngine.load(self.base.path)
        self.served = self.another()

    def another(self) -> Served:
        promotions = Promotions(self.log, "tiny", (self.home / "audit" / "log.vkey").read_text())
        return Served(self.engine, self.base, self.home / "models", self.log, promotions)

    def adapter(self, seed: int, **how: Any) -> str:
        """Its digest, with the files where a promotion expects them."""
        made = write_adapter(self.base.path, self.home / f"made-{seed}", seed, **how)
        digest = open_adapter(made).digest
        (self.home / "models" / "adapters").mkdir(parents=True, exist_ok=True)
        made.rename(self.place(digest))
        return digest

    def place(self, digest: str) -> Path:
        return self.home / "models" / "adapters" / digest

    async def promote(self, adapter: str | None, **other: Any) -> str:
        """Record it as active; the digest that answers will cite."""
        files = open_adapter(self.place(adapter)).files if adapter else {}
        fields = {
            "name": "tiny", "model_digest": joined(self.base.digest, adapter), "base": "tiny",
            "adapter_digest": adapter, "weights": self.base.files | files,
        } | other  # fmt: skip
        await self.log.append([Entry.operational(Kind.promotion, fields, actor="operator")])
        return fields["model_digest"]

    def stream(self, digest: str, sampling: Sampling = SHORT) -> AsyncGenerator[Piece]:
        return self.served.stream(self.engine.chat.encode([Turn("user", "Why?")]), sampling, digest)

    async def say(self, digest: str, sampling: Sampling = SHORT) -> str:
        async with aclosing(self.stream(digest, sampling)) as pieces:
            return "".join([piece.text async for piece in pieces])

    def loaded(self) -> set[str]:
        """Adapters that are in the engine."""
        names = (name for name, _ in self.engine.model.named_parameters() if ".lora_A." in name)
        return {name.split(".lora_A.")[1].split(".")[0] for name in names}

    def alerts(self) -> list[dict[str, Any]]:
        return [leaf["fields"] for leaf in self.log.log.tail(0) if leaf["kind"] == "alert"]


@pytest.fixture
def replica(tmp_path: Path, base: ModelFolder) -> Replica:
    return Replica(tmp_path, base)


async def test_a_swap_drops_no_stream_and_the_old_adapter_goes_with_its_last_one(replica, monkeypatch) -> None:
    first, second = replica.adapter(1), replica.adapter(2)
    bare = await replica.promote(None)
    await replica.served.catch_up()
    one = await replica.promote(first)
    texts = {digest: await replica.say(digest, LONG) for digest in (bare, one)}  # the base late, the adapter unasked
    running = replica.stream(one, LONG)
    began = [await anext(running)]
    two = await replica.promote(second)
    monkeypatch.setattr(promoted, "LATE_S", 0.0)  # nobody may come late any more
    await replica.served.catch_up()
    assert replica.loaded() == {first, second}
    texts[two] = await replica.say(two, LONG)
    with pytest.raises(NotServed):
        await replica.say(bare)
    assert "".join(piece.text for piece in [*began, *[piece async for piece in running]]) == texts[one]
    assert len(set(texts.values())) == 3
    await replica.served.catch_up()
    assert replica.loaded() == {second}
    assert await replica.promote(first) == one  # and back
    assert await replica.say(one, LONG) == texts[one]
    assert replica.alerts() == []


async def test_what_is_active_is_loaded_before_anyone_asks_and_once_for_all_who_do(replica, monkeypatch) -> None:
    added: list[str] = []
    add = replica.engine.add
    monkeypatch.setattr(replica.engine, "add", lambda name, folder: (added.append(name), add(name, folder)))
    adapter = replica.adapter(1)
    digest = await replica.promote(adapter)
    await replica.served.catch_up()
    assert added == [adapter]
    adapter = replica.adapter(2)
    digest = await replica.promote(adapter)
    crowd = [asyncio.create_task(replica.say(digest)) for _ in range(5)]
    await asyncio.sleep(0)
    hasty = asyncio.create_task(replica.say(digest))
    await asyncio.sleep(0.01)
    hasty.cancel()  # whoever hangs up takes nothing from the others
    assert len(set(await asyncio.gather(*crowd))) == 1
    assert added[1:] == [adapter]


def tampered(replica: Replica, adapter: str) -> None:
    path = replica.place(adapter) / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")


def removed(replica: Replica, adapter: str) -> None:
    replica.place(adapter).rename(replica.home / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "why"), [(tampered, "adapter_model.safetensors: expected sha256"), (removed, "No such file")]
)
async def test_a_promotion_that_cannot_be_loaded_fails_questions_says_why_and_ends_with_the_next(
    replica, spoil, why, monkeypatch
) -> None:
    good, bad = replica.adapter(1), replica.adapter(2)
    before = await replica.promote(good)
    text = await replica.say(before)
    digest = await replica.promote(bad)
    spoil(replica, bad)
    for _ in range(2):
        await replica.served.catch_up()
        with pytest.raises(NotServed, match=why):
            await replica.say(digest)
    assert why in replica.served.problem()
    assert replica.loaded() == {good}
    assert [(alert["rule"], alert["about"]) for alert in replica.alerts()] == [("model_refused", digest)]
    assert await replica.promote(good) == before  # taken back
    await replica.served.catch_up()
    assert (replica.served.problem(), await replica.say(before)) == (None, text)


async def test_what_was_missing_is_found_once_it_is_there(replica, monkeypatch) -> None:
    adapter = replica.adapter(1)
    digest = await replica.promote(adapter)
    removed(replica, adapter)
    await replica.served.catch_up()
    assert replica.served.problem()
    (replica.home / "elsewhere").rename(replica.place(adapter))
    monkeypatch.setattr(served, "AGAIN_AFTER_S", 0.0)
    await replica.served.catch_up()
    assert replica.served.problem() is None
    assert await replica.say(digest)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"weights": {"model.safetensors": "b" * 64}}, "expected one of base"),
        ({"model_digest": "b" * 64}, "expected one of base"),
        ({"adapter_digest": "c" * 64}, "expected one of base"),
        ({"adapter_digest": "c" * 64, "model_digest": "joined"}, "among its weights"),
    ],
)
async def test_a_promotion_that_contradicts_itself_or_the_base_is_refused(replica, fields, why) -> None:
    await replica.promote(None)
    if fields.get("model_digest") == "joined":
        fields |= {"model_digest": joined(replica.base.digest, "c" * 64)}
    digest = await replica.promote(replica.adapter(1), **fields)
    await replica.served.catch_up()
    assert why in replica.served.problem()
    with pytest.raises(NotServed, match=why):
        await replica.say(digest)


async def test_an_adapter_without_effect_is_refused(replica) -> None:
    digest = await replica.promote(replica.adapter(1, scale=0.0))
    await replica.served.catch_up()
    assert "the same" in replica.served.problem()
    with pytest.raises(NotServed):
        await replica.say(digest)


async def test_what_no_record_names_is_not_served(replica) -> None:
    assert "no promotion record" in replica.served.problem()
    await replica.promote(None)
    with pytest.raises(NotServed, match="not active"):
        await replica.say(joined(replica.base.digest, replica.adapter(1)))


async def test_a_receipt_that_is_missing_forged_or_another_records_proves_nothing(replica) -> None:
    await replica.promote(None)
    other = replica.log.log.tail(0)[0]["request_id"]
    promotions = Promotions(replica.log, "tiny", await replica.log.ring())
    await promotions.refresh()
    await promotions.prove(promotions.newest)
    leaf, genuine = promotions.newest.leaf, replica.log.receipts

    async def none(request_id: str) -> list:
        return []

    async def others(request_id: str) -> list:
        return await genuine(other)

    for replica.log.receipts in (none, others):
        with pytest.raises(NotPromoted, match=r"log has none|another record"):
            await promotions.prove(promotions.newest)
        refused = replica.another()
        await refused.catch_up()
        assert refused.problem()
    replica.log.receipts = genuine
    lie = Promotion(leaf | {"fields": leaf["fields"] | {"model_digest": "f" * 64}})
    with pytest.raises(NotPromoted, match="another record"):
        await promotions.prove(lie)


async def test_an_outage_of_the_log_leaves_what_is_loaded_served(replica) -> None:
    digest = await replica.promote(replica.adapter(1))
    await replica.served.catch_up()
    replica.log.down = True
    following = asyncio.create_task(replica.served.follow())
    await asyncio.sleep(0.01)
    assert await replica.say(digest)
    assert not following.done()
    following.cancel()


async def test_a_late_question_still_gets_the_model_that_was_active_when_it_was_asked(replica, monkeypatch) -> None:
    adapter = replica.adapter(1)
    old = await replica.promote(adapter)
    await replica.promote(None)
    fresh = replica.another()  # a replica that starts only now
    await fresh.catch_up()
    assert replica.loaded() == set()
    replica.served = fresh
    assert await replica.say(old)
    monkeypatch.setattr(promoted, "LATE_S", 0.0)
    with pytest.raises(NotServed, match="not active"):
        await replica.say(old)
