"""The two services that the orchestrator calls: pricemon and executor."""
