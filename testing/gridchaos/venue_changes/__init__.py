"""Changes of an exchange during trading: rules, fees, keys, limits, funds."""
