"""The values that decisions are made of: config, rules, orders, slots, state, actions, events."""
