"""The price feed service: a venue's websocket and REST in, `PriceChange` messages out. It remembers nothing."""
