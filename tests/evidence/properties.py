"""How property tests of this room run: the same examples everywhere, no deadline on a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settled = settings(deadline=None, derandomize=True, max_examples=80, suppress_health_check=list(HealthCheck))
thorough = settings(settled, max_examples=300)
