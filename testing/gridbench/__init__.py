"""`make bench`: what a durable step, a decision and a restart cost, as ratios against baselines of the same call."""
