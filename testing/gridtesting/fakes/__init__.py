"""Stand-ins behind our own ports: venue, feed, executor and pricemon, scripted by a test."""
