"""What the database commands of the orchestrator work on."""
