"""The decisions of Gridwright: pure functions over frozen values. Time, ids and chance come in as arguments."""
