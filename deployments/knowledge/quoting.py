"""Quoting no more of a text than fits."""


def beginning(text: str, most: int) -> str:
    """The first sentences of a text, at most `most` characters; where none ends in time, whole words and a sign."""
    if len(text) <= most:
        return text
    cut = text[:most]
    end = max(cut.rfind(mark) for mark in (". ", "! ", "? "))
    return cut[: end + 1] if end > 0 else f"{cut.rpartition(' ')[0]} …"
