"""What holds for every test: property tests are the same every time, and no busy machine fails one."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("orlop", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("orlop")
