"""Where a partner system may call from: networks as CIDR, and whether an address lies in one. Pure.

The address is the one the server sees. Behind a proxy that is what `X-Forwarded-For` says, if the proxy is
one of SIPAS_FORWARDED_ALLOW_IPS: Uvicorn decides it before our code runs: nothing here reads a header.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


def read_network(written: str) -> Network | None:
    """A network as `203.0.113.0/24` or `2001:db8::/32`, or one address; None for anything else.

    Bits behind the prefix (`203.0.113.7/24`) are refused: nobody can tell whether one address or the whole
    network was meant. So are IPv4 networks in IPv6 clothes: an address in those clothes is undressed first.
    """
    try:
        network = ip_network(written)
    except ValueError:
        return None
    mapped = isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None
    return None if mapped else network


def stored_networks(written: Iterable[str]) -> tuple[Network, ...]:
    """Networks that were read before; ValueError rather than one wall fewer than somebody built."""
    return tuple(ip_network(one) for one in written)


def lies_within(address: str | None, networks: Iterable[Network]) -> bool:
    """Whether the address lies in one of the networks; what is no address (a socket's name) lies in none."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)
