"""The venue behind one interface: clock, reads, profile and health."""
