"""Each check of a running deployment, on real sockets and files: what is shut is ok, what is open is named."""

import socket
import ssl
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.doctor import main
from app.examination import answers, checks, doors, secrets
from app.examination.deployment import CannotTell, Deployment, is_outward, outward_addresses, run_env
from app.examination.listening import Listener
from app.settings import Settings
from tests.unit.app.servers import answering, certificate, grpc_door

KEY = "k" * 40
EVERYWHERE = "0.0.0.0"  # noqa: S104 - told, never bound


def deployment(url: str = "http://127.0.0.1:9", settings: Settings | None = None, **env: str) -> Deployment:
    return Deployment(url, settings or Settings(), {"PRECEPTOR_API_KEY": KEY} | env, ("127.0.0.1",))


def test_one_check_never_stops_the_others_and_what_cannot_be_told_is_no_ok() -> None:
    def fine(_: Deployment) -> str | None:
        return None

    def gap(_: Deployment) -> str | None:
        return "a gap"

    def blind(_: Deployment) -> str | None:
        raise CannotTell("no address")

    def broken(_: Deployment) -> str | None:
        raise PermissionError(13, "denied")

    found = list(checks.examine(deployment(), (blind, broken, gap, fine)))
    assert [each.state for each in found] == ["unknown", "unknown", "open", "ok"]
    assert str(found[2]).split() == ["gap", "open", "a", "gap"]
    assert [checks.exit_status(found), checks.exit_status(found[:2]), checks.exit_status(found[3:])] == [1, 2, 0]


def test_every_check_of_the_table_has_its_own_name_and_a_reason_to_be() -> None:
    names = [check.__name__ for check in checks.CHECKS]
    assert len(set(names)) == len(names)
    assert all(check.__doc__ for check in checks.CHECKS)


@given(st.ip_addresses())
def test_only_loopback_and_link_local_addresses_are_not_outward(address: Any) -> None:
    mapped = getattr(address, "ipv4_mapped", None) or address
    assert is_outward(str(address)) is not (mapped.is_loopback or address.is_link_local)


def test_what_listens_everywhere_is_outward_and_own_addresses_are() -> None:
    assert [is_outward(each) for each in (EVERYWHERE, "::", "127.0.0.1", "::1", "::ffff:127.0.0.1")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert all(map(is_outward, outward_addresses()))


def test_run_env_is_read_as_written_and_the_environment_says_where_ray_is(tmp_path: Path) -> None:
    (tmp_path / "run.env").write_text("RAY_ADDRESS=127.0.0.1:6379\nNAME='with space'\nno line\n")
    found = run_env(tmp_path / "run.env")
    assert found == {"RAY_ADDRESS": "127.0.0.1:6379", "NAME": "with space"}
    assert deployment(**found).gcs == ("127.0.0.1", 6379)
    for lost in ("gcs", "dashboard"):
        with pytest.raises(CannotTell, match="source run"):
            getattr(deployment(), lost)


def test_a_wide_keys_folder_a_wide_run_env_and_a_signoff_key_are_found(tmp_path: Path) -> None:
    here = deployment(settings=Settings(home=tmp_path))
    with pytest.raises(CannotTell, match="not on this host"):
        secrets.key_files(here)
    (tmp_path / "keys").mkdir(mode=0o700)
    key = tmp_path / "keys" / "token.key"
    key.touch(mode=0o600)
    assert (secrets.key_files(here), secrets.run_env_file(here), secrets.signoff_key_elsewhere(here)) == (None,) * 3
    key.chmod(0o640)
    (tmp_path / "run.env").touch(mode=0o644)
    (tmp_path / "keys" / "signoff.key").touch(mode=0o600)
    assert "token.key" in (secrets.key_files(here) or "")
    assert "chmod 600" in (secrets.run_env_file(here) or "")
    assert "another machine" in (secrets.signoff_key_elsewhere(here) or "")


def test_a_key_in_a_command_line_is_found_and_not_repeated() -> None:
    assert secrets.process_list(deployment(PRECEPTOR_API_KEY="never-on-a-command-line")) is None
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", KEY]) as process:
        found = secrets.process_list(deployment()) or ""
        process.kill()
    assert str(process.pid) in found
    assert KEY not in found


def tutor(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
    """Refuses what should be refused, as the Gateway does."""
    headers = {"X-Content-Type-Options": "nosniff"}
    if int(request.headers.get("content-length", 0)) > 1_000_000:
        request.rfile.read(int(request.headers["content-length"]))
        return 413, headers, b""
    if any(name in request.headers for name in answers.STEERING):
        return 400, headers, b""
    allowed = request.path == "/healthz" or request.headers.get("authorization") == f"Bearer {KEY}"
    return (200 if allowed else 401), headers, b"{}"


def anything(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
    """Answers whatever comes."""
    request.rfile.read(int(request.headers.get("content-length", 0)))
    return 200, {}, b'{"policy_signed": false, "data": {"usageStatsEnabled": true}}'


REFUSALS = (answers.needs_a_key, answers.steering_headers, answers.size_bound, answers.security_headers)


def test_a_tutor_that_refuses_is_ok_and_one_that_answers_all_is_open() -> None:
    with answering(tutor) as url:
        assert [check(deployment(url)) for check in REFUSALS] == [None] * 4
    with answering(anything) as url:
        assert all(check(deployment(url)) for check in REFUSALS)
    with pytest.raises(CannotTell, match="ConnectError"):
        answers.needs_a_key(deployment())


def test_an_unsigned_policy_is_open_in_production_alone() -> None:
    with answering(anything) as url:
        assert answers.policy_signed(deployment(url)) is None
        assert "policy status" in (answers.policy_signed(deployment(url, Settings(mode="production"))) or "")


def test_plain_http_is_for_the_loopback_alone() -> None:
    assert Deployment("http://127.0.0.1:9", Settings(), {}, ()).outward == ()
    assert answers.encrypted(Deployment("http://127.0.0.1:9", Settings(), {}, ())) is None
    assert "put TLS in front" in (answers.encrypted(deployment("http://192.0.2.7:80")) or "")
    with answering(tutor) as url:  # `outward` names the loopback here: as if the port answered at an outer address
        assert "bind it to 127.0.0.1" in (answers.encrypted(deployment(url)) or "")


@pytest.mark.parametrize(("days", "said"), [(90, None), (5, "ends in"), (-0.5, "cannot be trusted")])
def test_a_certificate_must_hold_for_weeks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float, said: str | None
) -> None:
    context = certificate(tmp_path, days)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with answering(tutor, context) as url:
        found = answers.encrypted(deployment(url))
    assert found is None if said is None else said in (found or "")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_a_strangers_certificate_and_old_tls_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = certificate(tmp_path, 90)
    with answering(tutor, context) as url:
        assert "cannot be trusted" in (answers.encrypted(deployment(url)) or "")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_1  # type: ignore[misc]
    with answering(tutor, context) as url:
        assert answers.encrypted(deployment(url)) is not None


def test_the_gcs_must_ask_for_the_token() -> None:
    with grpc_door(grpc.StatusCode.UNAUTHENTICATED) as port:
        assert doors.gcs_token(deployment(RAY_ADDRESS=f"127.0.0.1:{port}")) is None
    for code in (None, grpc.StatusCode.UNIMPLEMENTED):
        with grpc_door(code) as port:
            assert "without a token" in (doors.gcs_token(deployment(RAY_ADDRESS=f"127.0.0.1:{port}")) or "")
    with pytest.raises(CannotTell, match="UNAVAILABLE"):
        doors.gcs_token(deployment(RAY_ADDRESS="127.0.0.1:9"))


def test_the_dashboard_must_ask_for_the_token_and_tell_nobody_of_its_use() -> None:
    with answering(lambda _: (401, {}, b"")) as url:
        assert doors.dashboard_token(deployment(RAY_DASHBOARD_ADDRESS=url)) is None
        with pytest.raises(CannotTell, match="401"):
            doors.usage_statistics(deployment(RAY_DASHBOARD_ADDRESS=url))
    with answering(anything) as url:
        assert "answers 200 without a token" in (doors.dashboard_token(deployment(RAY_DASHBOARD_ADDRESS=url)) or "")
        assert "USAGE_STATS" in (doors.usage_statistics(deployment(RAY_DASHBOARD_ADDRESS=url)) or "")
    with answering(lambda _: (200, {}, b'{"data": {"usageStatsEnabled": false}}')) as url:
        assert doors.usage_statistics(deployment(RAY_DASHBOARD_ADDRESS=url)) is None


def test_haproxys_pages_are_found_where_they_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as page:
        port = str(page.getsockname()[1])
        here = deployment(RAY_SERVE_HAPROXY_STATS_PORT="9", RAY_SERVE_HAPROXY_METRICS_PORT=port)
        assert f"127.0.0.1:{port}" in (doors.haproxy_ports(here) or "")
    assert doors.haproxy_ports(here) is None


@pytest.mark.parametrize("node", ["", "node"])
def test_haproxys_command_socket_is_for_its_user_or_lies_where_others_cannot_go(tmp_path: Path, node: str) -> None:
    """Ray 2.60 puts the folder of a node in between."""
    here, path = deployment(RAY_SERVE_HAPROXY_SOCKET_PATH=str(tmp_path / "s")), tmp_path / node / "s"
    path.parent.mkdir(exist_ok=True)
    assert doors.haproxy_socket(here) is None
    with socket.socket(socket.AF_UNIX) as wire:
        wire.bind(str(path))
        path.chmod(0o666)
        tmp_path.chmod(0o755)
        assert doors.haproxy_socket(here) is None, "nobody listens"
        wire.listen()
        assert str(path) in (doors.haproxy_socket(here) or "")
        tmp_path.chmod(0o700)
        assert doors.haproxy_socket(here) is None
        tmp_path.chmod(0o755)
        path.chmod(0o600)
        assert doors.haproxy_socket(here) is None


def test_the_command_says_each_outcome_and_ends_with_the_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_DASHBOARD_ADDRESS", "PRECEPTOR_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PRECEPTOR_HOME", str(tmp_path))
    assert main(["--running", "--url", "http://127.0.0.1:9"]) == 1
    said = dict(line.split()[:2] for line in capsys.readouterr().out.splitlines())
    assert said.keys() == {check.__name__ for check in checks.CHECKS}
    assert (said["switches"], said["gcs_token"], said["needs_a_key"]) == ("open", "unknown", "unknown")


def test_switches_that_lead_around_guard_log_or_token_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert doors.switches(deployment(RAY_AUTH_MODE="token")) is None
    assert "not set" in (doors.switches(deployment()) or "")
    monkeypatch.setenv("RAY_SERVE_LLM_ENABLE_DIRECT_STREAMING", "1")
    assert "past guard and log" in (doors.switches(deployment(RAY_AUTH_MODE="token")) or "")


@pytest.mark.parametrize(("address", "near"), [(EVERYWHERE, "127.0.0.1"), ("::", "127.0.0.1"),
                         ("192.0.2.2", "192.0.2.2"), ("fd00::2", "fd00::2")])  # fmt: skip
def test_a_listener_is_reached_where_it_listens(address: str, near: str) -> None:
    assert Listener(address, 1, "replica").near == near
