"""The running exchange: matching, its book on disk, its clock, and changes while clients run."""
