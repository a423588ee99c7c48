"""What every service shares to speak gRPC: servers and channels, faults and their statuses, core values on the wire."""
