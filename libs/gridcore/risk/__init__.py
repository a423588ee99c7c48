"""Risk rules that halt a grid, and their memory of prices."""
