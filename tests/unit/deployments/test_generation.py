"""Stop strings and detokenising hold back exactly what may still change."""

from hypothesis import given
from hypothesis import strategies as st

from deployments.generation import StopWords


def run(stop: list[str], pieces: list[str]) -> str:
    words, out = StopWords(stop), ""
    for piece in pieces:
        text, met = words.push(piece)
        out += text
        if met:
            return out
    return out + words.flush()


@given(st.text("ab\n", max_size=40), st.lists(st.text("ab\n", min_size=1, max_size=3), max_size=3), st.randoms())
def test_stop_strings_cut_where_the_whole_text_would_be_cut(text: str, stop: list[str], random) -> None:
    cuts = sorted(random.choices(range(len(text) + 1), k=5))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    hits = [at for at in (text.find(word) for word in stop) if at >= 0]
    one_by_one = run(stop, list(text))
    assert one_by_one == run(stop, pieces) or hits
    assert (one_by_one == text) == (not hits)
    assert not any(word in one_by_one for word in stop)
