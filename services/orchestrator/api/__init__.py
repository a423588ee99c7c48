"""The Orchestrator RPCs: what is shown, and what an operator may command."""
