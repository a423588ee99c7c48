"""What happened, written into the state: results, updates, rebuilds and changed conditions."""
