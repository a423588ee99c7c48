"""simex: an exchange on this machine with the part of Binance's spot API that a grid needs. Its book is on disk."""
