"""What somebody who is refused is told: the clause, what may be asked instead, and where to appeal."""

from dataclasses import dataclass
from typing import Any

from guards.offers import offer
from guards.policy import Policy


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason and the ways on. Nothing in it repeats what was asked."""

    request_id: str
    clause: str
    offer: str

    @classmethod
    def of(cls, policy: Policy, category: str, request_id: str, asked: str) -> "Refusal":
        """The refusal of what was asked, in a category of the policy."""
        return cls(request_id, policy.category(category).clause, offer(policy, category, asked))

    def shown(self) -> str:
        """As one message, for clients that know nothing of refusals."""
        number, _, title = self.clause.partition(" ")
        body = f'{{"request_id": "{self.request_id}", "reason": "..."}}'
        return (
            f"This is refused under clause {number} of the terms, {title}. {self.offer} "
            f"If it is a mistake, appeal with POST /v1/appeals {body}; no guard stands before an appeal."
        )

    def describe(self) -> dict[str, Any]:
        """The `refusal` object of the API."""
        appeal = {"method": "POST", "url": "/v1/appeals", "body": {"request_id": self.request_id, "reason": ""}}
        return {"clause": self.clause, "offer": self.offer, "appeal": appeal}
