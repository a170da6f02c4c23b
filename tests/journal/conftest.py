"""Property tests here look for counterexamples, not for speed."""

from hypothesis import HealthCheck, settings

settings.register_profile("journal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("journal")
