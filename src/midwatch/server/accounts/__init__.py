"""Who calls, and what they may: the gate before all routes, sign-in, rates, repeated requests."""
