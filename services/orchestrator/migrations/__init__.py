"""Schema migrations of the orchestrator's stores."""
