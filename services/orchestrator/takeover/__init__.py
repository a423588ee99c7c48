"""The start of a symbol, which is a takeover: fence, compare, settle, rebuild."""
