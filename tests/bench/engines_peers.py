"""The engines that need an environment of their own, vLLM and llama.cpp; and what one core reads from memory."""

import json
import math
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.engines_reader import Answer, Driver

CONTEXT = 1024  # tokens: more than any prompt with its answer
SLOTS = 8
VLLM = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR", "HF_HUB_OFFLINE": "1",
}  # fmt: skip


def load(spec: dict[str, Any]) -> Driver:
    """The driver that the spec names."""
    return Vllm(spec) if spec["driver"] == "vllm" else LlamaCpp(spec)


class Vllm:
    """vLLM's engine, stepped in this process."""

    packages = ("vllm-cpu", "torch", "transformers")

    def __init__(self, spec: dict[str, Any]) -> None:
        os.environ.update(VLLM | {"VLLM_CACHE_ROOT": str(Path("vllm-cache").absolute())})
        from vllm import EngineArgs, LLMEngine

        wish = EngineArgs(
            model=spec["weights"], dtype="bfloat16", max_model_len=CONTEXT, enforce_eager=spec["eager"],
            max_num_seqs=SLOTS, disable_log_stats=True,
        )  # fmt: skip
        self._engine = LLMEngine.from_engine_args(wish)
        self._asked = 0

    def generate(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[Answer]:
        from vllm import SamplingParams

        wish = SamplingParams(temperature=0.0, max_tokens=tokens, ignore_eos=True, detokenize=False)
        began, firsts, ids = time.perf_counter(), dict[str, float](), dict[str, tuple[int, ...]]()
        names = self._ask(prompts, wish)
        while self._engine.has_unfinished_requests():
            for output in self._engine.step():
                firsts.setdefault(output.request_id, time.perf_counter() - began)
                ids[output.request_id] = tuple(output.outputs[0].token_ids)
        return [Answer(firsts[name], len(ids[name]), ids[name]) for name in names]

    def _ask(self, prompts: Sequence[Sequence[int]], wish: Any) -> list[str]:
        names = [f"{self._asked + number}" for number in range(len(prompts))]
        self._asked += len(prompts)
        for name, prompt in zip(names, prompts, strict=True):
            self._engine.add_request(name, {"prompt_token_ids": list(prompt)}, wish)
        return names

    def extras(self, spec: dict[str, Any]) -> dict[str, Any]:
        from vllm import SamplingParams

        self._ask(spec["text"], SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0, detokenize=False))
        said = list[float]()
        while self._engine.has_unfinished_requests():
            for output in self._engine.step():
                scored = zip(output.prompt_token_ids, output.prompt_logprobs, strict=True)
                said += [row[token].logprob for token, row in scored if row]
        return {"perplexity": math.exp(-sum(said) / len(said))}


class LlamaCpp:
    """llama.cpp's server, without its HTTP, by xllamacpp: one thread per stream, as its HTTP server would have."""

    packages = ("xllamacpp",)

    def __init__(self, spec: dict[str, Any]) -> None:
        import xllamacpp

        wish = xllamacpp.CommonParams()
        wish.model.path = spec["gguf"]
        wish.n_ctx, wish.n_parallel = 512 * SLOTS, SLOTS
        wish.cpuparams.n_threads = wish.cpuparams_batch.n_threads = 1
        wish.verbosity = 0
        self._server = xllamacpp.Server(wish)

    def generate(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[Answer]:
        if len(prompts) == 1:
            return [self._one(prompts[0], tokens)]
        answers: list[Answer | None] = [None] * len(prompts)

        def fill(number: int) -> None:
            answers[number] = self._one(prompts[number], tokens)

        threads = [threading.Thread(target=fill, args=(number,)) for number in range(len(prompts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [answer for answer in answers if answer]

    def _one(self, prompt: Sequence[int], tokens: int) -> Answer:
        began, times, texts, count = time.perf_counter(), list[float](), list[str](), 0

        def hear(said: Any) -> bool:
            nonlocal count
            chunk = json.loads(said) if isinstance(said, str) else said
            for choice in chunk.get("choices", []):
                times.append(time.perf_counter())
                texts.append(choice.get("text") or "")
            count = (chunk.get("usage") or {}).get("completion_tokens", count)
            return False  # go on

        wish = {
            "prompt": list(prompt), "max_tokens": tokens, "temperature": 0.0, "ignore_eos": True, "stream": True,
            "stream_options": {"include_usage": True}, "repeat_penalty": 1.0,
        }  # fmt: skip
        self._server.handle_completions(wish, hear)
        if not times:
            raise RuntimeError("expected a stream, got nothing")
        return Answer(times[0] - began, count, text="".join(texts))

    def extras(self, _: dict[str, Any]) -> dict[str, Any]:
        return {}


def read_gb_per_s(rounds: int = 9) -> float:
    """What one core reads: the best of some passes of two unlike loops over 1 GiB, far more than its caches hold."""
    import numpy as np

    block = np.ones(2**28, np.float32)
    best = math.inf
    for work in (lambda: np.dot(block, block), block.max):
        for _ in range(rounds):
            began = time.perf_counter()
            work()
            best = min(best, time.perf_counter() - began)
    return block.nbytes / best / 1e9
