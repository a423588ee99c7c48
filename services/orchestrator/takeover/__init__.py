"""Startup of a symbol, which is always a takeover: fence, compare, settle, and rebuild if needed."""
