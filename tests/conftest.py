"""Settings of the whole suite: Hypothesis without deadlines (machines are shared), printing what reproduces."""

from hypothesis import HealthCheck, settings

settings.register_profile("shared", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")
