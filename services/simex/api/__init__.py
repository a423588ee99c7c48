"""The endpoints over REST and websocket, and the gateway that every request goes through."""
