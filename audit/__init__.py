"""The append-only log, its proofs and its views. Knows no Ray and no guard."""
