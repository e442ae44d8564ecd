#!/bin/bash
# A stage of its own: the web page, by a Node that stays out of the image.
set -euo pipefail
root=${1:?the folder of the repository}
export PYTHONDONTWRITEBYTECODE=1
python3.11 "$root/requirements/install.py" "$root/.venv" --web
cd "$root"
.venv/bin/python -m app.web.build
