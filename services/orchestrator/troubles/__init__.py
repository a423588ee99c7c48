"""What a grid, its fees or its neighbours withhold, begun and ended as troubles."""
