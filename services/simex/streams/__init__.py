"""Websocket sessions: subscriptions, public streams, timed streams and the user stream."""
