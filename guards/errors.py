"""The errors of the guard.

GuardError
├── PolicyError    the policy file is not a policy
├── WeightsError   the trained weights are absent, altered, or belong to another encoder
└── GuardFault     a check could not run: nobody is to blame, nothing may leave
"""


class GuardError(Exception):
    """Root of everything that this package raises on purpose."""


class PolicyError(GuardError):
    """The policy file does not say what a policy must say."""


class WeightsError(GuardError):
    """The weights do not carry the digest on their card."""


class GuardFault(GuardError):
    """A check could not run or could not be understood; the caller answers 503 and never blames the user."""
