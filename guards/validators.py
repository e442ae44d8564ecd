"""Every check as a guardrails-ai validator. The only file that knows guardrails.

Why no more of it is used: its streaming drops and leaks text, its results carry no scores, it reports to its
vendor unless told not to, and its AsyncGuard takes three times as long to keep its own records of a check as all the
checks take (docs/adr/0030-checks-are-called-themselves.md). So each validator is called itself, over complete segments
only; verdicts come back in `metadata`.
"""

from typing import Any

from guardrails import OnFailAction, settings
from guardrails.validator_base import FailResult, PassResult, ValidationResult, Validator, register_validator

from guards.checks import CHECKS, Case, Check
from guards.verdict import Action, Verdict


def _validator(name: str, check: Check) -> Validator:
    class Checked(Validator):
        """One check in guardrails' shape; pass or fail for its own report, verdicts in the case."""

        def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
            case: Case = metadata["case"]
            verdicts = check(case)
            case.found.extend(verdicts)
            bad = [v for v in verdicts if v.action is not Action.ALLOW]
            return FailResult(error_message=f"{name}: {bad[0].category}") if bad else PassResult()

        async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
            return self._validate(value, metadata)  # cheaper than a hop through a thread pool

    registered = register_validator(name=f"preceptor/{name}", data_type="string")(Checked)
    return registered(on_fail=OnFailAction.NOOP, use_local=True)


class Validators:
    """All checks, each a validator; build once, any number of calls at a time."""

    def __init__(self) -> None:
        settings.disable_tracing = True
        self._validators = [_validator(name, check) for name, check in CHECKS.items()]

    async def run(self, case: Case) -> tuple[Verdict, ...]:
        """Run every check on a case. Whatever a check raises comes through."""
        for validator in self._validators:
            await validator.async_validate(case.text, {"case": case})
        return tuple(case.found)
