"""The embedded model's GGUF with its packed weights written out in bfloat16: llama.cpp on the same weights as all.

    python -m tests.bench.engines_gguf PACKED PLAIN

Values pass through float32 and are rounded as `deployments.embedded` rounds them, so both hold the same numbers.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType
from gguf.quants import dequantize, quantize

BF16 = GGMLQuantizationType.BF16


def unpack(packed: Path, plain: Path) -> None:
    """Write `plain`: every matrix in bfloat16, every vector in float32, all fields but the file type as they are."""
    reader = GGUFReader(packed)
    writer = GGUFWriter(plain, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        _copy(field, writer)
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).reshape(tuple(reversed(tensor.shape.tolist())))
        if values.ndim == 1:
            writer.add_tensor(tensor.name, values.astype("float32"))
        else:
            writer.add_tensor(tensor.name, quantize(values, BF16), raw_dtype=BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _copy(field: Any, writer: GGUFWriter) -> None:
    if field.name.startswith("GGUF.") or field.name == "general.architecture":
        return  # the writer's own
    value = int(LlamaFileType.MOSTLY_BF16) if field.name == "general.file_type" else field.contents()
    kind, *inner = field.types
    writer.add_key_value(field.name, value, kind, inner[-1] if kind == GGUFValueType.ARRAY else None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when it is written."""
    packed, plain = sys.argv[1:] if arguments is None else arguments
    unpack(Path(packed), Path(plain))
    return 0


if __name__ == "__main__":
    sys.exit(main())
