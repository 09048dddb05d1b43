"""May content name this address? Pure: addresses in, verdict out.

Whatever a model, a person or a web page names is allowed to lead to the public internet only, so that it
cannot be used to reach this machine, its network or a cloud provider's metadata service.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")

_NEVER = (
    # Python's own table learnt of some of these only in 3.12.4 / 3.11.10 (gh-113171), so they are repeated
    # here.
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    # Azure's metadata and DNS address is in public space.
    IPv4Network("168.63.129.16/32"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("100::/64"),
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
    IPv6Network("fec0::/10"),
)


def is_public(address: str | IPv4Address | IPv6Address) -> bool:
    """True when the address is one of the public internet.

    `address` is what a socket is about to be connected to, as text or parsed; text that is not one plain
    address is not public. An IPv4 address wrapped in IPv6 (mapped, NAT64, 6to4) is judged by what it wraps.
    169.254.169.254, fd00:ec2::254, 100.100.100.200 and 192.0.0.192 (metadata services) are inside ranges that
    are not public.
    """
    try:
        parsed = ip_address(address) if isinstance(address, str) else address
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        wrapped = _wrapped_ipv4(parsed)
        if wrapped is not None:
            return is_public(wrapped)
    if any(parsed in network for network in _NEVER if network.version == parsed.version):
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified)


def _wrapped_ipv4(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    return None
