"""Several processes on one database: who lives (processes), who holds what (leases), what they say (news)."""
