"""The conformance kit: what a channel, a provider or a tool promises, as tests for any implementation.

- `channel`, `provider`, `tool`  the contracts: subclass the class, give the fixture
- `kit`                          a Kit for a plugin's own tests
- `messenger`                    a stand-in for a messenger, for the loopback channel
- `checking`                     what the contracts share
"""
