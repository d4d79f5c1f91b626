"""Amazon ECR: Basic ``AWS:password``, a password of 12 hours, from docker-credential-ecr-login.

public.ecr.aws needs none of it: its token service at /token answers anybody, so no helper is started for it.
"""

from __future__ import annotations

import re

HELPERS = ("ecr-login",)

_HOST = re.compile(
    r"[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn"
    r"|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)\Z",
    re.ASCII,
)


def matches(host: str) -> bool:
    """Whether the registry is a private one of ECR."""
    return _HOST.match(host) is not None
