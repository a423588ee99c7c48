"""The world that the step machine is explored in, and the promises that each step must keep."""
