"""A LoRA adapter as files: what it is called by, and which model it makes of its base. Free of torch and of Ray."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from deployments.embedded import digest_of, require_files, sha256

FILES = ("adapter_config.json", "adapter_model.safetensors")  # what peft reads, and so what the digest covers


@dataclass(frozen=True, slots=True)
class AdapterFolder:
    """An adapter's files by SHA-256. Papers that lie beside them (card, run, signature) are not part of it."""

    path: Path
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Identity of the adapter: SHA-256 of the sorted file digests, hex."""
        return digest_of(self.files)

    def check(self) -> None:
        """Hash the files again; raises ModelFilesDiffer naming the first that differs."""
        require_files(self.path, self.files)


def open_adapter(path: Path) -> AdapterFolder:
    """Hash an adapter's files; raises FileNotFoundError when one of them lacks."""
    return AdapterFolder(path, {file: sha256(path / file) for file in FILES})


def joined(base_digest: str, adapter_digest: str | None) -> str:
    """The digest of a base with an adapter, which promotions and answers cite; the base's own when there is none."""
    if adapter_digest is None:
        return base_digest
    return hashlib.sha256(f"base {base_digest} adapter {adapter_digest}".encode()).hexdigest()
