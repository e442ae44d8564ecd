"""What can go wrong on the way from a public feed to a dataset.

KnowledgeError
├── SourceError     the register of sources, or what a source must have
├── DownloadError   a feed that cannot be fetched
├── FeedError       a feed that cannot be read
└── PlaceError      a path or URI that names no place
"""


class KnowledgeError(Exception):
    """The root."""


class SourceError(KnowledgeError):
    """A source without what the register asks for; the message names source and field."""


class DownloadError(KnowledgeError):
    """A feed that could not be fetched; the message names source and address."""


class FeedError(KnowledgeError):
    """A feed that cannot be read at all."""


class PlaceError(KnowledgeError):
    """A path or URI that names no place that can be read or written."""
