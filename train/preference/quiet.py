"""TRL's two trainers without their message home, and the environment in which Hugging Face's libraries stay offline."""

import os
from typing import Any

from train.preference.settings import Method


def stay_offline() -> None:
    """Set what keeps the libraries from the network; before they are imported."""
    for name in ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"


def trainer_class(method: Method) -> Any:
    """KTOTrainer (Ethayarajh et al. 2024) or DPOTrainer (Rafailov et al. 2023); TRL 1.16 reports each start, this not.

    The variables above stop it too, but only where nobody imported huggingface_hub earlier.
    """
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.kto_trainer import KTOTrainer

    kind: Any = KTOTrainer if method == "kto" else DPOTrainer

    def silent(_: Any) -> None:
        """Nobody is told."""

    return type(f"Quiet{kind.__name__}", (kind,), {"_send_telemetry": silent})
