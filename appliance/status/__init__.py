"""How the appliance is, for people and for monitoring: a listener, and what it tells over HTTP."""
