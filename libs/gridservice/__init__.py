"""What every process of Gridwright needs besides gRPC."""
