"""The grid: levels, slots, the orders due at a price, and the funds and order places for them."""
