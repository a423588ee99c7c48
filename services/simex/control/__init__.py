"""The control RPCs: what tests and the command line may see and change that a client may not."""
