"""The real services, databases and disks, started for a test and taken down after it."""
