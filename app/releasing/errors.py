"""What can go wrong with a release."""


class ReleaseError(Exception):
    """Root: what was expected and what came; nothing was changed, or what was changed was taken back."""


class Declined(ReleaseError):
    """The release is not kept: it did not come up, or it is worse than what ran before, or it is not signed."""


class Unreachable(ReleaseError):
    """Serve, the tutor or a file cannot be read; whether a release is good cannot be told."""
