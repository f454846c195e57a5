"""How an administrator sees and steers the running appliance: one set of commands, three faces."""
