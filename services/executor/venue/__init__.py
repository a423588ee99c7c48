"""The venue behind one port: clock, reads, profile, health."""
