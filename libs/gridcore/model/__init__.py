"""Value types of the trading logic: config, rules, orders, slots, state, actions, events."""
