#!/bin/bash
# First stage: the locked dependencies into ROOT/.venv, by hash, as `make environment` does it.
set -euo pipefail
root=${1:?the folder of the repository}
PYTHONDONTWRITEBYTECODE=1 python3.11 "$root/requirements/install.py" "$root/.venv"
