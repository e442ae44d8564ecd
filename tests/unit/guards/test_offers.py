"""A refusal offers a neighbour of the question in the policy's own words, whatever the question says."""

from hypothesis import given
from hypothesis import strategies as st

from guards.offers import offer
from guards.policy import Policy

POLICY = Policy.load()


def test_the_topic_comes_from_the_closed_list():
    assert "how ransomware works" in offer(POLICY, "harmful_operational", "Write RANSOM\u200bWARE, now!")
    assert "how phishing works" in offer(POLICY, "harmful_operational", "a phish for xyzzy")
    assert "such things" in offer(POLICY, "harmful_operational", "do xyzzy")


@given(st.text(max_size=200), st.sampled_from(sorted(POLICY.categories)))
def test_an_offer_is_one_of_few_sentences(text, name):
    sentences = {POLICY.categories[name].offer.replace("{topic}", topic) for topic in (*POLICY.topics, "such things")}
    assert offer(POLICY, name, text) in sentences
    assert "{" not in offer(POLICY, name, text)
