"""Other double-entry ledgers for Postgres, each in a database of its own on the same server."""
