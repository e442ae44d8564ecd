"""Rate limits as response headers: draft-ietf-httpapi-ratelimit-headers-11, and the family that OpenAI clients read."""

from collections.abc import Sequence

from app.limiting.bounds import WINDOW_S, Bound, Standing, Unit


def rate_fields(bounds: Sequence[Bound], standings: Sequence[Standing]) -> dict[str, str]:
    """RateLimit-Policy and RateLimit (sections 3 and 4: Structured Field lists of Strings with parameters), and
    x-ratelimit-*, which tell the tightest bound of their unit."""
    fields = {
        "ratelimit-policy": ", ".join(_policy(bound) for bound in bounds),
        "ratelimit": ", ".join(f'"{each.bound.policy}";r={each.remaining};t={each.reset_s}' for each in standings),
    }
    for unit in (Unit.REQUESTS, Unit.TOKENS):
        tightest = min((each for each in standings if each.bound.unit is unit), key=lambda each: each.remaining)
        fields |= {
            f"x-ratelimit-limit-{unit}": str(tightest.bound.amount),
            f"x-ratelimit-remaining-{unit}": str(tightest.remaining),
            f"x-ratelimit-reset-{unit}": f"{tightest.reset_s}s",
        }
    return fields


def _policy(bound: Bound) -> str:
    quota = f'"{bound.policy}";q={bound.amount};qu="{bound.unit}"'
    return quota if bound.unit is Unit.CONCURRENT else f"{quota};w={WINDOW_S}"
