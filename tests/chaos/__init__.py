"""Several gateways on one PostgreSQL, of which some die, stop, drain or lose touch while people write.

The stand-ins, the load and the judge are those of the crash suite; what is here is the fleet.
"""
