"""Answers about markets: book, trades, candles, tickers, exchangeInfo."""
