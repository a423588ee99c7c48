"""Broken databases: full disks, lost commits, cut connections, while an order fills."""
