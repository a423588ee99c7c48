"""The grid itself: levels, slots, what is wanted at a price, and what the account can pay for."""
