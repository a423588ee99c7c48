"""gRPC clients of the two services that the orchestrator calls: pricemon and executor."""
