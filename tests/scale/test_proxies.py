"""The example configurations of proxies: they agree with the service, and the programs read them."""

import re
import subprocess
from pathlib import Path

import pytest

from app.core.database import SERVER_SETTINGS
from app.core.deadline import UNHURRIED_SECONDS
from app.core.http import MAX_BODY, MAX_IMPORT_BODY
from app.core.settings import Settings
from tests.support.proxied import HAPROXY, NGINX, OPERATIONS, Ports, adapted, certificate

MIB = 1024 * 1024
TEXT = {name: (OPERATIONS / name).read_text() for name in ("nginx.conf", "haproxy.cfg")}
NGINX_CONF, HAPROXY_CFG = TEXT.values()


def ask(*command: str | Path) -> None:
    """Show a program a configuration that it must accept."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_reads_its_configuration(tmp_path: Path) -> None:
    certificate(tmp_path)
    conf = adapted("nginx.conf", tmp_path, Ports(8443, 8080))
    ask(str(NGINX), "-t", "-p", tmp_path, "-c", conf, "-g", f"pid {tmp_path}/pid;", "-e", "stderr")


@pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")
def test_haproxy_reads_its_configuration(tmp_path: Path) -> None:
    certificate(tmp_path)
    ask(str(HAPROXY), "-c", "-f", adapted("haproxy.cfg", tmp_path, Ports(8443, 8080)))


def test_bodies_have_the_services_own_limits() -> None:
    assert re.findall(r"client_max_body_size (\d+)m", NGINX_CONF) == [
        str(MAX_BODY // MIB),
        str(MAX_IMPORT_BODY // MIB),
    ]
    assert re.findall(r"req.body_size gt (\d+)", HAPROXY_CFG) == [str(MAX_BODY), str(MAX_IMPORT_BODY)]


def test_proxies_wait_longer_than_the_service_does() -> None:
    longest = max(
        int(SERVER_SETTINGS["statement_timeout"].removesuffix("s")),
        Settings.model_fields["request_seconds"].default,
    )
    for found in (
        re.findall(r"proxy_read_timeout (\d+)s", NGINX_CONF),
        re.findall(r"timeout server (\d+)s", HAPROXY_CFG),
    ):
        assert len(found) >= 3
        assert min(map(int, found)) > longest
        assert UNHURRIED_SECONDS < sorted(map(int, found))[-2] < max(map(int, found))
    assert "client_header_timeout 10s" in NGINX_CONF
    assert "timeout http-request 10s" in HAPROXY_CFG


def test_a_machine_whose_database_is_away_is_asked_when_no_other_is_ready() -> None:
    """Its 503 has a citizen's words and the time to come again; the proxy's own has neither."""
    assert "proxy_next_upstream error timeout http_502 http_504;" in NGINX_CONF, "503 goes through"
    assert "option allbackups" in HAPROXY_CFG
    backends = [
        each for each in HAPROXY_CFG.split("\nbackend ") if "/readyz" in each and " server web" in each
    ]
    assert len(backends) == 4
    for each in backends:
        checked = re.findall(r"server web(\d) (\S+)\n", each)
        assert checked
        assert re.findall(r"server last(\d) (\S+) no-check backup\n", each) == checked


def test_the_callers_address_is_overwritten_and_never_added_to() -> None:
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in NGINX_CONF
    assert "http-request set-header X-Forwarded-For %[src]" in HAPROXY_CFG
    assert "proxy_add_x_forwarded_for" not in NGINX_CONF
    assert "option forwardfor" not in HAPROXY_CFG


def test_no_proxy_writes_down_a_links_code() -> None:
    (links,) = re.findall(r"location ~ \^/\(s\|q\|api/v1/links\)/ \{(.*?)\n        \}", NGINX_CONF, re.DOTALL)
    assert "access_log off;" in links
    assert "error_log /dev/null crit;" in links
    assert "$request_uri" not in NGINX_CONF.split("log_format")[1].split(";")[0]
    assert "acl link path_beg /s/ /q/ /api/v1/links/" in HAPROXY_CFG
    assert "http-request set-log-level silent if link" in HAPROXY_CFG


def test_what_is_for_the_inside_is_not_shown_outside() -> None:
    assert re.search(r"location ~ \^/\(metrics\|readyz\)\$ \{\s+return 404;", NGINX_CONF)
    assert "acl inside path /metrics /readyz" in HAPROXY_CFG
