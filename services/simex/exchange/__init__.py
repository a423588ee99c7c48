"""The exchange at work: matching, its book on disk, its clock, and what it changes while clients run."""
