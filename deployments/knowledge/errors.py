"""What can go wrong with a pack.

PackError
├── NoPack       there is no whole pack at that place
└── BadPack      its bytes are not those that its manifest names, or its layout is another one
"""


class PackError(Exception):
    """The root."""


class NoPack(PackError):
    """Expected a pack, got none; the message names the place."""


class BadPack(PackError):
    """A pack that must not be answered from; the message names the file, what was expected and what came."""
