"""Commands in a pipeline: when the reader (`| head`) has gone, end quietly, as other Unix tools do."""

import os
import sys
from collections.abc import Callable

READER_GONE = 141  # 128 + SIGPIPE, what a shell reports


def run(main: Callable[[], int]) -> int:
    """The exit status of `main`, or READER_GONE when nobody reads its output any more."""
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's last flush complains
        return READER_GONE
    return status
