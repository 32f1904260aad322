"""The example proxies of docs/operations, made to run here: own certificate, free ports, our machines."""

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OPERATIONS = Path(__file__).parents[2] / "docs/operations"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
NAME = "hailong.example.vn"
UNUSED = ("fastcgi", "uwsgi", "scgi")
"""Kinds of peers that nginx makes directories for, whether they are asked for or not."""
MACHINES = ("10.0.0.11:8000", "10.0.0.12:8000")


@dataclass
class Ports:
    """Where a proxy listens here."""

    https: int
    http: int


def certificate(directory: Path) -> Path:
    """A certificate and its key, each in its file and both in a third, whose path this is."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / f"{NAME}.key").write_bytes(secret)
    (directory / f"{NAME}.pem").write_bytes(chain + secret)
    return directory / f"{NAME}.pem"


def adapted(name: str, directory: Path, ports: Ports, machines: tuple[str, ...] = MACHINES) -> Path:
    """An example with the paths, ports and machines of this place, written into the directory."""
    changes = {
        f"/etc/ssl/{NAME}": str(directory / NAME),
        "http {\n": "http {\n"
        + "".join(
            f"    {what}_temp_path {directory}/{what};\n" for what in ("client_body", "proxy", *UNUSED)
        ),
        "/var/log/nginx/": f"{directory}/",
        "listen 443": f"listen 127.0.0.1:{ports.https}",
        "listen 80": f"listen 127.0.0.1:{ports.http}",
        "bind :443": f"bind 127.0.0.1:{ports.https}",
        "bind :80": f"bind 127.0.0.1:{ports.http}",
        **dict(zip(MACHINES, machines, strict=True)),
    }
    text = (OPERATIONS / name).read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    path = directory / name
    path.write_text(text)
    return path
