"""Applies what happened to the state: action results, order updates, rebuilds and changed conditions."""
