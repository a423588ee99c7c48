"""The world in which the step machine is explored, and the promises that each step must keep."""
