"""Code that every service shares: settings, logs, metrics, crash points, troubles, back-off."""
