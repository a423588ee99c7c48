"""The price feed service: reads a venue's websocket and REST, streams `PriceChange` messages. It stores nothing."""
