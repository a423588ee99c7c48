"""Decides and remembers: the state of each grid and the workflows in flight. It holds no keys and knows no venue."""
