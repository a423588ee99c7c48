"""What simex answers about markets: book, trades, candles, tickers, exchangeInfo."""
