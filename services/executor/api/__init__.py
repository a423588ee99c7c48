"""The Executor RPCs: decode, call the part that knows, encode."""
