"""simex: an exchange on this machine that speaks the part of Binance's spot API which a grid needs, book on disk."""
