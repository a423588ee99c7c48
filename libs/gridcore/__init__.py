"""The trading logic of Gridwright: pure functions over frozen values. Time and ids are arguments."""
