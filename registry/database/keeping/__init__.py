"""Looking after a database: upgrades, roles, dumps, metrics, SQL, and what is wrong with it."""
