"""Real services, databases and disks, started for a test and removed after it."""
