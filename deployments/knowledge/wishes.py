"""What a question wants, by meaning: for wordings that the cues of `concepts` do not know. Needs the encoder.

Each concept is a handful of plain questions about "it"; a question is held against them, its thing called "it", too.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

import numpy as np

from deployments.knowledge.search import Encode

LEAST = 0.45  # cosine from which a meaning is believed
_ASKS: Mapping[str, str] = MappingProxyType({
    "definition": "What is it?|Explain it to me.|What does it mean?|Give me an overview of it.",
    "mitigation": "How can we prevent it?|What protects against it?|What can be done about it?|Which measures stop it?"
                  "|How do I make it harder for attackers?|How can we be safe from it?|How is it kept from happening?"
                  "|What do we need to change because of it?",
    "detection": "How can we detect it?|How would I notice it?|What gives it away?|How do we find out that it happens?"
                 "|What should raise an alarm?|How would we become aware of it?|Which traces does it leave?",
    "group": "Which groups use it?|Who does it?|Which attackers are known for it?|Who is behind it?"
             "|Whose work is it?|Which actors have been seen with it?|To whom does it belong?",
    "software": "Which malware uses it?|Which tools do it?|Which programs does it use?|What is in its arsenal?",
    "technique": "Which techniques does it use?|How does it attack?|What can it do?|What are its capabilities?"
                 "|Which techniques does it help against?|What does it protect from?|What is it good for?"
                 "|How does it work?",
    "tactic": "What is its goal?|What do attackers want to achieve with it?|To which phase does it belong?",
    "subtechnique": "Which variants of it are there?|What are its sub-techniques?|What kinds of it exist?",
    "parent": "What is it a special case of?|What is more general than it?|To which class does it belong?",
    "weakness": "Which weakness is behind it?|What kind of bug is it?|What mistake makes it possible?"
                "|What is its root cause?|Which CWE is it?",
    "pattern": "Which attack patterns exploit it?|How is it attacked?|How do attackers abuse it?",
    "cve": "Which vulnerabilities have it?|Where has it occurred?|Which CVEs are examples of it?",
    "exploited": "Is it exploited in the wild?|Is it on the list of known exploited vulnerabilities?",
    "severity": "How severe is it?|What is its CVSS score?|How dangerous is it?",
    "product": "Which products does it affect?|What is vulnerable to it?",
    "platform": "On which platforms does it run?|Which operating systems does it concern?",
    "alias": "What else is it called?|Under which other names is it known?",
    "consequence": "What are its consequences?|What damage can it do?|What happens if it is exploited?",
    "prerequisite": "What must be the case for it to work?|What are its preconditions?",
    "campaign": "In which campaigns was it used?|Which operations belong to it?",
    "due": "By when must it be fixed?",
    "added": "When was it added to the catalogue?",
    "rule": "Which Sigma rules are there for it?",
})  # fmt: skip


class Wishes:
    """The plain questions of all concepts as vectors. Safe for several threads."""

    def __init__(self, encode: Encode) -> None:
        asks = [(concept, ask) for concept, each in _ASKS.items() for ask in each.split("|")]
        self._concepts = [concept for concept, _ in asks]
        self._vectors = np.stack([encode(ask) for _, ask in asks])
        self._encode = encode

    def nearest(self, question: str, among: Collection[str]) -> str:
        """The concept that a question about "it" wants, of these or the definition; empty where none is near."""
        near = self._vectors @ self._encode(question)
        fit = [(float(close), concept) for close, concept in zip(near, self._concepts, strict=True)
               if concept in among or concept == "definition"]  # fmt: skip
        close, concept = max(fit)
        return concept if close >= LEAST else ""
