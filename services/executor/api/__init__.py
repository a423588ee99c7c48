"""RPCs of the executor: decode, call the part that is responsible, encode."""
