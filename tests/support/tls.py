"""A PostgreSQL that takes TLS, with a private authority: the wheel's cannot, Debian's can."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.core.clock import utc_now
from app.core.pgwheel import server_owner
from tests.support.server import free_port

SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
ROLE = "sipas"
PASSWORD = "mat-khau-cua-may"
ADDRESS = "127.0.0.1"


@dataclass
class Encrypted:
    """A running server; `authority` is the file that vouches for it, `stranger` one that does not."""

    port: int
    home: Path

    @property
    def authority(self) -> Path:
        return self.home / "authority.pem"

    @property
    def stranger(self) -> Path:
        return self.home / "stranger.pem"

    @property
    def url(self) -> str:
        """Without a word of TLS."""
        return f"postgresql://{ROLE}:{PASSWORD}@{ADDRESS}:{self.port}/postgres"

    @property
    def checked_url(self) -> str:
        """Its certificate checked."""
        return f"{self.url}?sslmode=verify-full&sslrootcert={self.authority}"

    def connections(self, program: str) -> list[str]:
        """What the server has written down of each connection of a program, from now on anew."""
        log = self.home / "log"
        lines = [line for line in log.read_text().splitlines() if "connection authorized" in line]
        os.truncate(log, 0)
        return [line for line in lines if f"application_name={program}" in line]


@contextmanager
def encrypted_server(*, demanded: bool) -> Iterator[Encrypted]:
    """For the length of a block; `demanded`: whoever comes without TLS is turned away, else it is offered."""
    home = Path(tempfile.mkdtemp(prefix="sipas-tls-"))
    home.chmod(0o755)
    owner = server_owner(home / "none")
    programs, server = SERVERS[-1].parent, Encrypted(free_port(), home)
    own = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def run(name: str, *arguments: str) -> None:
        subprocess.run([programs / name, *arguments], check=True, capture_output=True, cwd="/", **own)  # type: ignore[call-overload]  # only for root

    key, _ = _authority(home / "stranger.pem")
    key, name = _authority(server.authority)
    _certificate(home, key, name)
    (home / "password").write_text(PASSWORD)
    for path in (home, *home.iterdir()):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    data = home / "data"
    run(
        "initdb",
        "-U",
        "sipas",
        "-A",
        "scram-sha-256",
        "--pwfile",
        f"{home}/password",
        "-E",
        "UTF8",
        str(data),
    )
    with (data / "postgresql.conf").open("a") as file:
        file.write(
            f"""
listen_addresses = '{ADDRESS}'
port = {server.port}
unix_socket_directories = ''
ssl = on
ssl_cert_file = '{home}/server.pem'
ssl_key_file = '{home}/server.key'
log_connections = on
log_line_prefix = ''
fsync = off
"""
        )
    way = "hostssl" if demanded else "host"
    (data / "pg_hba.conf").write_text(f"{way} all all {ADDRESS}/32 scram-sha-256\n")
    run("pg_ctl", "start", "-w", "-t", "120", "-D", str(data), "-l", f"{home}/log")
    try:
        yield server
    finally:
        run("pg_ctl", "stop", "-m", "immediate", "-D", str(data))
        shutil.rmtree(home, ignore_errors=True)


def _authority(path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Name]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Authority {path.stem}")])
    signed = (
        _begun(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return key, name


def _certificate(home: Path, authority: ec.EllipticCurvePrivateKey, issuer: x509.Name) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "db.example.vn")])
    alternatives = x509.SubjectAlternativeName([x509.IPAddress(ip_address(ADDRESS))])
    signed = _begun(name, issuer, key).add_extension(alternatives, critical=False)
    path = home / "server.key"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.chmod(0o600)
    (home / "server.pem").write_bytes(
        signed.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = utc_now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
    )
