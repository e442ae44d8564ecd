"""What a run is of, beside its checkpoints: the same name may go on with the same run, and with no other."""

import json
from collections.abc import Mapping

from train.errors import RunError
from train.parts import located
from train.teaching.store import put_json

NAME = "origin.json"


def require_same(place: str, name: str, origin: Mapping[str, str]) -> None:
    """Begin a run in `place`, or find that it is the same; raises RunError when it is one of something else."""
    files, root = located(place)
    path = f"{root}/{NAME}"
    if not files.get_file_info(path).is_file:
        files.create_dir(root, recursive=True)
        put_json(place, NAME, dict(origin))
        return
    with files.open_input_stream(path) as stream:
        earlier = json.loads(stream.read())
    other = [
        f"{what} {str(earlier.get(what))[:12]}, not {str(origin.get(what))[:12]}"
        for what in sorted({*earlier, *origin})
        if earlier.get(what) != origin.get(what)
    ]
    if other:
        raise RunError(f"{name} exists, of {'; '.join(other)}: choose another --name to begin anew")
