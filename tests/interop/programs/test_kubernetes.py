"""The API server's authenticator and kubectl's own OIDC provider, as docs/clients.md configures both."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from requests_oauthlib import OAuth2Session

from tests.interop.conftest import Provider
from tests.interop.person import Person, query
from tests.interop.programs.api import becomes, id_token
from tests.interop.programs.running import Program
from tests.interop.programs.shown import Shown
from tests.interop.programs.workshop import HERE, Workshop
from tests.support.replicas import free_port
from tests.support.service import bearer

BACK, SERVER = "http://localhost:8000", "https://kubernetes.example.com"
SCOPE = ["openid", "email", "roles", "offline_access"]
ANN = {"username": "ann@example.com", "groups": ["role:cook", "role:system:masters"]}
SECONDS = 60
"""The shortest life of an ID token."""
GRACE = 30
"""AUTHSVC_REFRESH_GRACE_SECONDS, where nobody sets it."""
EMAIL = "test@example.com"
"""Of a person whose address nobody has verified."""
PASSWORD = "password of the others"
TOKENS = ("its-id-token", "its-refresh-token")


@dataclass
class Cluster:
    """An API server that runs, and its kubectl; `shown`: with its files and addresses."""

    shown: Shown
    server: Program
    kubectl: Path

    @property
    def provider(self) -> Provider:
        return self.shown.provider

    def who(self, token: str) -> tuple[int, dict[str, Any]]:
        """Its answer to somebody with this bearer token."""
        url = self.server.url.replace("http:", "https:")
        answer = httpx2.get(url, headers=bearer(token), verify=self.provider.trust, trust_env=False, timeout=30)
        return answer.status_code, answer.json()

    def refusal(self, token: str) -> str:
        code, said = self.who(token)
        assert code == 401, said
        return str(said["message"])

    def log_in(self, email: str, client_id: str, secret: str = "") -> dict[str, Any]:
        """The tokens of a person who logs in by a program that has the client's redirect URI."""
        person, issuer = Person(self.provider.trust, email), self.provider.issuer
        person.password = "password" if email == EMAIL else PASSWORD
        with person.http, OAuth2Session(client_id, redirect_uri=BACK, scope=SCOPE, pkce="S256") as session:
            url, _ = session.authorization_url(f"{issuer}/authorize")
            code = query(person.sent_back(url, BACK))["code"]
            more = {"client_secret": secret} if secret else {"include_client_id": True}
            ca = str(self.provider.tls.ca_file)
            return dict(session.fetch_token(f"{issuer}/token", code=code, verify=ca, **more))

    def kubeconfig(self, place: Path, client_id: str, refresh: str, old: str = "", secret: str = "") -> Path:
        """The file that the paper shows, for these tokens; without an ID token where `old` is none."""
        text = self.shown.block("yaml", 1)
        assert "client-id: kubernetes\n" in text
        more = f"\n        client-secret: {secret}" if secret else ""
        text = text.replace("client-id: kubernetes\n", f"client-id: {client_id}{more}\n")
        for name, ours in zip(TOKENS, (old or '""', refresh), strict=True):
            assert name in text
            text = text.replace(name, ours)
        file = place / f"{client_id}.yaml"
        file.write_text(text)
        return file

    def whoami(self, kubeconfig: Path) -> subprocess.CompletedProcess[str]:
        command = [str(self.kubectl), "--kubeconfig", str(kubeconfig), "auth", "whoami", "-o", "json"]
        env = {"HOME": str(kubeconfig.parent)}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)

    def told(self, kubeconfig: Path) -> dict[str, Any]:
        """Whom the API server takes the user of this kubectl for."""
        done = self.whoami(kubeconfig)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout)["status"]["userInfo"])

    def add_person(self, email: str, *more: str) -> None:
        self.provider.operate("users", "add", email, "--verified", *more, "--password-stdin", given=PASSWORD)

    def registered(self, client_id: str, kind: str = "--public", *more: str) -> str:
        """Another client with the policies of the paper's; its secret."""
        scopes = [word for scope in SCOPE for word in ("--scope", scope)]
        words = ("clients", "add", client_id, kind, "--redirect-uri", BACK, *scopes, *more)
        return str(self.provider.operate_json(*words).get("client_secret", ""))


@pytest.fixture(scope="module")
def cluster(workshop: Workshop, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    place, port, tls = tmp_path_factory.mktemp("cluster"), free_port(), provider.tls
    names = {
        SERVER: f"https://127.0.0.1:{port}",
        "cluster-ca.pem": str(tls.ca_file),
        "authsvc-ca.pem": str(tls.ca_file),
        "its-authority": tls.ca_file.read_text().strip().replace("\n", "\n      "),
    }
    shown = Shown("Kubernetes", provider, "kubernetes", BACK, names).registered("--id-token-seconds", str(SECONDS))
    (place / "authentication.yaml").write_text(shown.block("yaml"))
    kubectl = workshop.go("kubectl", (HERE / "kubectl.go").read_text())
    program = workshop.go("kubernetes", (HERE / "api_server.go").read_text())
    command = [str(program), "authentication.yaml", str(tls.cert_file), str(tls.key_file)]
    with Program(command, place, {"PORT": str(port)}, port) as server:
        made = Cluster(shown, server, kubectl)
        made.add_person(ANN["username"], "--role", "cook", "--role", "system:masters")
        yield made


@pytest.fixture(scope="module")
def ann(cluster: Cluster) -> dict[str, Any]:
    """Her tokens, and when she got them."""
    return {**cluster.log_in(ANN["username"], "kubernetes"), "at": time.monotonic()}


def test_a_person_is_their_address_and_their_groups_are_their_roles(cluster: Cluster, ann: dict[str, Any]) -> None:
    code, said = cluster.who(ann["id_token"])
    assert (code, said.get("status", said)) == (201, {"userInfo": ANN}), cluster.server.log.read_text()


def test_nothing_but_an_id_token_of_its_client_is_taken(
    cluster: Cluster, ann: dict[str, Any], person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "expected audience" in cluster.refusal(ann["access_token"])
    assert "expected audience" in cluster.refusal(id_token(cluster.provider, person, "kube-other", monkeypatch))
    head, claims, signature = ann["id_token"].split(".")
    assert "failed to verify signature" in cluster.refusal(f"{head}.{claims}.{signature[:-8]}AAAAAAAA")


def test_an_address_that_nobody_verified_is_refused(cluster: Cluster) -> None:
    token = cluster.log_in(EMAIL, "kubernetes")["id_token"]
    assert cluster.refusal(token) == "oidc: email not verified"


def test_an_id_token_that_says_no_address_is_refused(cluster: Cluster) -> None:
    choose = ("clients", "choose-id-tokens", "kubernetes")
    cluster.provider.operate(*choose, "--no-id-token-claims")
    try:
        becomes(True, lambda: "claim not present" in cluster.refusal(cluster.log_in(EMAIL, "kubernetes")["id_token"]))
    finally:
        cluster.provider.operate(*choose, "--id-token-claims")


def test_a_copy_of_the_kubeconfig_that_comes_late_ends_the_session(cluster: Cluster, tmp_path: Path) -> None:
    """It stands before the test that waits longer, which waits for the rest alone."""
    refresh = cluster.log_in(ANN["username"], "kubernetes")["refresh_token"]
    copy = cluster.kubeconfig(tmp_path, "kubernetes", refresh).rename(tmp_path / "copy.yaml")
    for _ in range(2):  # without its ID token each time: as if that had ended
        file = cluster.kubeconfig(tmp_path, "kubernetes", refresh)
        assert cluster.told(file) == ANN
        _, refresh = tokens(file)
    assert "temporarily_unavailable" in cluster.whoami(copy).stderr
    time.sleep(GRACE + 1)
    for left in (copy, cluster.kubeconfig(tmp_path, "kubernetes", refresh)):
        assert "invalid_grant" in cluster.whoami(left).stderr


def test_kubectl_refreshes_a_token_that_has_ended_and_keeps_what_it_gets(
    cluster: Cluster, ann: dict[str, Any], tmp_path: Path
) -> None:
    time.sleep(max(0, ann["at"] + SECONDS + 1 - time.monotonic()))
    assert "token is expired" in cluster.refusal(ann["id_token"])
    file = cluster.kubeconfig(tmp_path, "kubernetes", ann["refresh_token"], ann["id_token"])
    assert cluster.told(file) == ANN
    kept = tokens(file)
    assert set(kept).isdisjoint({ann["id_token"], ann["refresh_token"]})
    assert cluster.who(kept[0])[0] == 201
    assert cluster.told(file) == ANN
    assert tokens(file) == kept  # that one is not over yet


def test_several_kubectls_that_refresh_at_once_end_no_session(cluster: Cluster, tmp_path: Path) -> None:
    """Some fail by themselves, as the paper says: they find the file locked, or read it while it is written."""
    own = ("could not persist new tokens", "The connection to the server localhost:8080 was refused")
    got = cluster.log_in(ANN["username"], "kubernetes")
    file = cluster.kubeconfig(tmp_path, "kubernetes", got["refresh_token"])
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(cluster.whoami, [file] * 6))
    failed = [one.stderr for one in done if one.returncode]
    assert len(failed) < len(done)
    assert all(any(fault in said for fault in own) for said in failed), failed
    _, refresh = tokens(file)
    assert cluster.told(cluster.kubeconfig(tmp_path, "kubernetes", refresh)) == ANN


def test_kubectl_with_a_secret_refreshes(cluster: Cluster, tmp_path: Path) -> None:
    secret = cluster.registered("kube-secret", "--confidential", "--id-token-on-refresh")
    got = cluster.log_in(EMAIL, "kube-secret", secret)
    file = cluster.kubeconfig(tmp_path, "kube-secret", got["refresh_token"], secret=secret)
    assert 'expected audience "kubernetes" got ["kube-secret"]' in cluster.whoami(file).stderr  # it is sent, at least
    assert got["refresh_token"] not in tokens(file)


def test_without_the_policy_kubectl_says_what_it_lacks_and_with_it_goes_on(cluster: Cluster, tmp_path: Path) -> None:
    """The refresh token that it used and kept is answered again."""
    cluster.registered("kube-once")
    file = cluster.kubeconfig(tmp_path, "kube-once", cluster.log_in(EMAIL, "kube-once")["refresh_token"])
    for _ in range(2):
        assert "did not contain an id_token" in cluster.whoami(file).stderr
    cluster.provider.operate("clients", "choose-id-tokens", "kube-once", "--id-token-on-refresh")
    becomes(True, lambda: 'got ["kube-once"]' in cluster.whoami(file).stderr)


def test_kubectl_gets_no_more_after_the_end_of_the_session(cluster: Cluster, tmp_path: Path) -> None:
    cluster.add_person("bob@example.com")
    got = cluster.log_in("bob@example.com", "kubernetes")
    cluster.provider.operate("sessions", "end", "--user", "bob@example.com")
    said = cluster.whoami(cluster.kubeconfig(tmp_path, "kubernetes", got["refresh_token"])).stderr
    assert "failed to refresh token" in said
    assert "invalid_grant" in said
    assert cluster.who(got["id_token"])[0] == 201  # until its exp, as the paper says


def tokens(kubeconfig: Path) -> tuple[str, str]:
    """ID token and refresh token of its one user."""
    [user] = yaml.safe_load(kubeconfig.read_text())["users"]
    config = user["user"]["auth-provider"]["config"]
    return config["id-token"], config["refresh-token"]
