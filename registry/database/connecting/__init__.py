"""From an address to a transaction on a connection: timeouts, patience, failures and waits."""
