"""From a request to the venue: INTENT, SENDING, outcome. Nothing is sent twice."""
