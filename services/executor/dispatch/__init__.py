"""Dispatch of order actions to the venue: INTENT, then SENDING, then an outcome. No action is sent twice.

An exchange does not offer exactly-once requests. A request can be lost on its way, its reply can be lost, the process
can crash in between, and a client order id does not prevent a second execution: most venues accept the id of a filled
order again. So the ledger is written before the network is used, and after any doubt the executor reads and never sends
again.

Each action of a request passes through these states (`ledger.action_status` has the transition table):

1. INTENT. `ledger.acceptance` records the request with all its actions in one transaction. Nothing has been sent. A
   repeated request id returns the recorded request; the same id with other contents is refused.
2. Waiting. The action waits for a ticket of the throttle: cancels first, then closings, then openings. An action that
   gets no ticket within its time limit ends as NOT_SENT.
3. SENDING. One transaction checks the fence and `not_after_ms` again and commits the timestamp and the request window
   that will be signed. An action of an epoch below the fence ends as NOT_SENT, a stale place order as EXPIRED.
4. The request is sent, once, with the committed timestamp.
5. Outcome. The result is committed and only then returned to the caller. It is frozen: a repeated request id returns
   the same result.

The outcome of a place order follows one rule. Only an order with an id means placed (ACCEPTED). Only a parsed refusal
means not placed (REJECTED). Everything else leads to a look-up: a time-out, a 5xx reply, a duplicate id, a reply that
cannot be parsed, an error in the adapter. The look-up has three results:

- The venue shows the order: ACCEPTED.
- The venue does not show it, and it is too late for the request to be accepted or to appear: REJECTED with the reason
  NOT_PLACED. `resolution.lookup` says when that is.
- Neither is proved: UNKNOWN. The resolver continues the look-ups in the background and reports the order's fate through
  the update log.

Cancels are harmless to repeat, so a cancel whose outcome is UNKNOWN is DONE: the caller may send another one. The end
of the order itself reaches the caller through the update log. A refused cancel does not prove that the order has ended;
the order is looked up.

A crash leaves an action in the state that was committed last. At startup an action in SENDING is looked up and never
sent again, and the resolver continues with those in UNKNOWN. An action in INTENT was certainly not sent. It is sent
when the caller repeats the request, or withdrawn when the fence rises.

A fence must not return while an action of an older epoch may still reach the venue. `InFlight` is entered before the
ledger says SENDING and left after the result is recorded. So each older action either reads the new fence and is
withdrawn, or the fence call waits for it.
"""
