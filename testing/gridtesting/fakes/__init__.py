"""Fakes behind our own ports: venue, feed, executor and pricemon, controlled by a test."""
