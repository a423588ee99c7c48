"""The commands of `gridwright`, one module each."""
