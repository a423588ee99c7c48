"""What an exchange changes while it is traded on: rules, fees, keys, limits, funds."""
