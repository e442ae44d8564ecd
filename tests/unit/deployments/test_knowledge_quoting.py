"""A quotation is whole sentences where it can be, never longer than asked, and never empty."""

from hypothesis import given
from hypothesis import strategies as st

from deployments.knowledge.quoting import beginning


@given(st.text(alphabet="ab .!?", min_size=1), st.integers(1, 40))
def test_it_is_a_beginning_that_fits(text: str, most: int) -> None:
    quoted = beginning(text, most)
    assert quoted
    assert text.startswith(quoted.removesuffix(" …"))
    assert len(quoted.removesuffix(" …")) <= most


def test_it_ends_where_a_sentence_does() -> None:
    assert beginning("One is here. Two is there.", 20) == "One is here."
    assert beginning("One is here and there", 13) == "One is here …"
