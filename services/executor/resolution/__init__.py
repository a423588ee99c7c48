"""What became of an order whose outcome is unknown: look-ups, and the statement of an operator."""
