"""The Orchestrator RPCs: views of the state, and operator commands."""
