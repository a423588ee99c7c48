"""The `gridwright` command: demo, up, status, the live view, the audit, and the operator's commands."""
