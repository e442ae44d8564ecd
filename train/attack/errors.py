"""What can go wrong in an attack, under train.errors.

AttackError
├── AttackerMissing     an attacker's environment that is not there, or not as its lock says
├── AttackerFailed      an attacker that ended or answered otherwise than it should
├── TargetError         a tutor that cannot be attacked: no answer, no key, no terms
└── JournalError        a journal of another campaign, or one that cannot be read
"""

from train.errors import TrainError


class AttackError(TrainError):
    """The root of what goes wrong in an attack."""


class AttackerMissing(AttackError):
    """The environment of an attacker is not there, or is not what its lock says; the message names the command."""


class AttackerFailed(AttackError):
    """An attacker's process ended or answered otherwise than it should; the message repeats what it said last."""


class TargetError(AttackError):
    """The tutor does not answer, or does not take the key; attempts made so far are kept."""


class JournalError(AttackError):
    """A journal that belongs to another campaign, or that cannot be read."""
