"""The search on Ray Tune: ASHA (Li et al. 2020) over trials, each a driver that runs Ray Train.

A search that is submitted again with the same storage and name goes on: trials that ended stay, a trial that was cut
off begins again by the same name, and so from its own last checkpoint.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from ray import tune
from ray.tune import Callback, ResultGrid, TuneConfig, Tuner
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.basic_variant import BasicVariantGenerator

from train.ray_lora import FinetuneConfig, trainer
from train.search.space import param_space, plan_of

EXPERIMENT, TRIALS = "search", "trials"
DRIVER_CPUS = 0.01  # a driver only waits for its workers; Tune places nothing that takes nothing


@dataclass(frozen=True, slots=True)
class Search:
    """A search. `config` is what all trials share, with the base plan; `out` its own folder or URI."""

    config: FinetuneConfig
    out: str
    trials: int
    concurrent: int
    seed: int

    @property
    def trial_storage(self) -> str:
        """Where the runs of the trials lie."""
        return f"{self.out}/{TRIALS}"


def run(search: Search) -> ResultGrid:
    """Search to the end."""
    place, plan = f"{search.out}/{EXPERIMENT}", search.config.plan
    driver: Any = tune.with_resources(tune.with_parameters(drive, search=search), {"CPU": DRIVER_CPUS})
    if Tuner.can_restore(place):
        return Tuner.restore(place, driver, resume_unfinished=True, restart_errored=True).fit()
    scheduler = ASHAScheduler(time_attr="step", max_t=plan.steps, grace_period=plan.every, reduction_factor=2)
    # Tune asks the generator how many may run at once only where it is given here
    draw = BasicVariantGenerator(max_concurrent=search.concurrent, random_state=search.seed)
    tuner = Tuner(
        driver,
        param_space=param_space(),
        tune_config=TuneConfig(
            metric="eval_loss", mode="min", num_samples=search.trials, scheduler=scheduler, search_alg=draw
        ),
        run_config=tune.RunConfig(
            name=EXPERIMENT, storage_path=search.out, verbose=0, callbacks=[Teller(search.trials, plan.steps)]
        ),
    )
    return tuner.fit()


def drive(drawn: dict[str, Any], search: Search) -> None:
    """One trial: a run of Ray Train under the trial's own name, each of whose reports Tune sees."""
    from ray.tune.integration.ray_train import TuneReportCallback

    name = tune.get_context().get_trial_id()
    config = replace(
        search.config, plan=plan_of(search.config.plan, drawn), out=search.trial_storage, name=name
    )  # fmt: skip
    trainer(config, callbacks=[TuneReportCallback()]).fit()


class Teller(Callback):
    """Prints each evaluation, and how much is left if no more trial ended early."""

    def __init__(self, trials: int, steps: int) -> None:
        self.trials, self.steps = trials, steps
        self.began = time.monotonic()
        self.ended: set[str] = set()
        self.at: dict[str, int] = {}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **more: Any
    ) -> None:
        """One evaluation of one trial."""
        self.at[trial.trial_id] = int(result["step"])
        print(f"trial {trial.trial_id}  step {result['step']}/{self.steps}  held out {result['eval_loss']:.4f}  "
              f"{len(self.ended)}/{self.trials} trials done  about {self.left():.0f} s left", flush=True)  # fmt: skip

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **more: Any) -> None:
        """A trial came to its end, or to the scheduler's."""
        self.ended.add(trial.trial_id)

    def left(self) -> float:
        """Seconds, by the steps made since this process began."""
        made = sum(self.at.values())
        whole = sum(self.at[each] for each in self.ended if each in self.at)
        whole += (self.trials - len(self.ended)) * self.steps
        return (time.monotonic() - self.began) / max(1, made) * max(0, whole - made)
