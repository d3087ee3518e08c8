"""The Postgres that comes in a wheel: started when a command needs it, stopped after the last."""
