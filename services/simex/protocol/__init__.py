"""The elements of Binance's API: parameters, formats, errors, intervals, order entry."""
