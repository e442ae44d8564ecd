"""What can go wrong in `train`.

TrainError
├── KnowledgeError      on the way from a public feed to a dataset
│   ├── SourceError     the register of sources, or what a source must have
│   ├── DownloadError   a feed that cannot be fetched
│   ├── FeedError       a feed that cannot be read
│   └── PlaceError      a path or URI that names no place
└── TrainingError       on the way from a dataset to a model that is served
    ├── ModelError      a base model or adapter that is not what was asked for
    ├── DatasetError    rows that cannot be trained on
    ├── RunError        a run that cannot begin or go on
    └── GateError       an evaluation or promotion that cannot be made
"""


class TrainError(Exception):
    """The root."""


class KnowledgeError(TrainError):
    """The root of what goes wrong with feeds and datasets."""


class SourceError(KnowledgeError):
    """A source without what the register asks for; the message names source and field."""


class DownloadError(KnowledgeError):
    """A feed that could not be fetched; the message names source and address."""


class FeedError(KnowledgeError):
    """A feed that cannot be read at all."""


class PlaceError(KnowledgeError):
    """A path or URI that names no place that can be read or written."""


class TrainingError(TrainError):
    """The root of what goes wrong with runs and models."""


class ModelError(TrainingError):
    """A base model or adapter that is unknown, incomplete, or another than asked for."""


class DatasetError(TrainingError):
    """Rows of the wrong schema, or none at all."""


class RunError(TrainingError):
    """A run without the room, the device or the checkpoint that it needs."""


class GateError(TrainingError):
    """An evaluation or a promotion that could not be made; not one that was refused."""
