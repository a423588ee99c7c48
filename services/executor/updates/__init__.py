"""What happens on the venue, into the update log: user stream, polls, history."""
