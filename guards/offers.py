"""What a refusal offers instead: a sentence of the policy with a topic from its closed list, never a user's word."""

import re

from guards.normalize import canonical
from guards.policy import Policy

_NO_TOPIC = "such things"


def offer(policy: Policy, category: str, text: str) -> str:
    """The safe neighbour of a question. Its topic is the first of the policy's list that the text names."""
    words = set(re.findall(r"[a-z]+", canonical(text).casefold()))
    topic = next((name for name, forms in policy.topics.items() if not words.isdisjoint(forms)), _NO_TOPIC)
    return policy.category(category).offer.replace("{topic}", topic)
