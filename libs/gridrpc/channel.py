"""One way to call: channels that notice a dead peer in seconds and come back to a restarted one at once."""

import grpc

# A service that was killed is back within a second or two: gRPC's default back-off of up to two minutes would be the
# longest part of a recovery. The "minimum" is in truth how long one attempt may take at least: over a long way, or on a
# busy machine, a tenth of a second would never do. Keep-alive notices a peer that vanished without closing its socket.
_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_receive_message_length", -1),  # simex's GetTruth of a long run outgrows the default of 4 MB
    ("grpc.enable_retries", 0),  # a retry is a decision, and it is made where its meaning is known
]

# gRPC reads ahead by up to megabytes: thousands of old prices, each with the age it had when sent, would wait for
# a reader that was busy for a few seconds (measured: 9,979 messages; 36 with these).
_NEWEST_ONLY = [
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 1_024),
]


def open_channel(address: str, *, newest_only: bool = False) -> grpc.aio.Channel:
    """A channel to `host:port` for asyncio callers. It connects when first used.

    `newest_only` is for streams of which only the newest message counts (StreamPrices, WatchState): it hardly reads
    ahead, so that a slow reader makes the sender skip instead of queueing. Over a long way it is slow for all else.
    """
    return grpc.aio.insecure_channel(address, options=_OPTIONS + _NEWEST_ONLY if newest_only else _OPTIONS)


def open_sync_channel(address: str) -> grpc.Channel:
    """The same for callers that wait on a thread of their own."""
    return grpc.insecure_channel(address, options=_OPTIONS)
