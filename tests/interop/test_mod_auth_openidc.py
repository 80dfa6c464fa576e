"""Apache's mod_auth_openidc guards a location: the people who get in, what the application hears, and both logouts."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx2
import pytest

from tests.interop.conftest import SECRET, Provider, app
from tests.interop.person import Person
from tests.interop.programs.running import Program
from tests.support.replicas import free_port

MODULES = Path("/usr/lib/apache2/modules")
LOADED = (
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_user",
    "dir",
    "env",
    "include",
    "setenvif",
    "ssl",
    "auth_openidc",
)
PROGRAM = shutil.which("apache2", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
NOBODY = 65534
CLIENT_ID = "apache"

CONFIGURATION = """
ServerRoot "{root}"
ServerName localhost
Listen 127.0.0.1:{port}
PidFile "{root}/pid"
DefaultRuntimeDir "{root}"
ErrorLog "{root}/error.log"
LogLevel warn
{modules}
{account}
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
SSLEngine on
SSLSessionCache none
SSLCertificateFile "{tls.cert_file}"
SSLCertificateKeyFile "{tls.key_file}"
DocumentRoot "{root}/pages"
DirectoryIndex index.txt
<Directory "{root}/pages">
  Options +Includes
  ForceType text/plain
  SetOutputFilter INCLUDES
  Require all granted
</Directory>

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCCABundlePath "{root}/ca.pem"
OIDCClientID {client_id}
OIDCClientSecret "{secret}"
OIDCRedirectURI {url}/private/callback
OIDCScope "openid profile email offline_access"
OIDCPKCEMethod S256
OIDCCryptoPassphrase "{passphrase}"
OIDCRemoteUserClaim email
OIDCPassRefreshToken On
OIDCClaimPrefix Claim-
<Location /private>
  AuthType openid-connect
  Require valid-user
</Location>
"""


class Apache:
    """A child of this process, with everything of its own; as root, its workers are nobody."""

    def __init__(self, root: Path, provider: Provider) -> None:
        self.root, self.port = root, free_port()
        self.url = f"https://localhost:{self.port}"
        self.callback = f"{self.url}/private/callback"
        (root / "pages" / "private").mkdir(parents=True)
        (root / "pages" / "private" / "index.txt").write_text("<!--#printenv -->")
        (root / "pages" / "index.txt").write_text("nobody is known here")
        shutil.copy(provider.tls.ca_file, root / "ca.pem")
        configuration = CONFIGURATION.format(
            root=root,
            port=self.port,
            url=self.url,
            tls=provider.tls,
            issuer=provider.issuer,
            modules="\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED),
            account=f"User #{NOBODY}\nGroup #{NOBODY}" if os.geteuid() == 0 else "",
            client_id=CLIENT_ID,
            secret=SECRET,
            passphrase=os.urandom(16).hex(),
        )
        (root / "apache.conf").write_text(configuration)
        assert PROGRAM
        command = [PROGRAM, "-d", str(root), "-f", str(root / "apache.conf"), "-DFOREGROUND"]
        self.program = Program(command, root, port=self.port)

    def log(self) -> str:
        files = (self.program.log, self.root / "error.log")
        return "".join(file.read_text() for file in files if file.exists())


@pytest.fixture(scope="module")
def apache(provider: Provider) -> Iterator[Apache]:
    if PROGRAM is None:
        pytest.skip("apache2 is not installed: mod_auth_openidc was not tried")
    missing = [name for name in LOADED if not (MODULES / f"mod_{name}.so").exists()]
    if missing:
        pytest.skip(f"Apache lacks {', '.join(missing)}: mod_auth_openidc was not tried")
    with tempfile.TemporaryDirectory(prefix="authsvc-apache-") as directory:
        Path(directory).chmod(0o755)
        running = Apache(Path(directory), provider)
        provider.register(
            app(
                CLIENT_ID,
                redirect_uris=(running.callback,),
                post_logout_redirect_uris=(f"{running.url}/",),
                backchannel_logout_uri=f"{running.callback}?logout=backchannel",
            )
        )
        with running.program:
            yield running


def heard(page: httpx2.Response) -> dict[str, str]:
    """What the application was told, by the request's headers and environment."""
    assert page.status_code == 200, (page.status_code, page.text)
    pairs = (line.partition("=") for line in unescape(page.text).splitlines())
    return {name: value for name, _, value in pairs}


def let_in(apache: Apache, person: Person) -> dict[str, str]:
    return heard(person.visit(f"{apache.url}/private/"))


def refresh(provider: Provider, token: str) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    with httpx2.Client(verify=provider.trust, trust_env=False) as http:
        return http.post(f"{provider.issuer}/token", data=form, auth=(CLIENT_ID, SECRET))


def test_the_guarded_place_is_reached_by_a_login_and_left_by_a_logout(
    apache: Apache, provider: Provider, person: Person
) -> None:
    told = let_in(apache, person)
    assert person.met == ["/login", "/consent"]
    assert told["REMOTE_USER"] == told["HTTP_CLAIM_EMAIL"] == "test@example.com"
    assert (told["HTTP_CLAIM_ISS"], told["HTTP_CLAIM_AUD"]) == (provider.issuer, CLIENT_ID)
    assert told["HTTP_CLAIM_NAME"] == "Test"
    assert provider.active(told["OIDC_access_token"])

    asked = {"refresh": f"{apache.url}/private/", "access_token": told["OIDC_access_token"]}
    newer = heard(person.visit(f"{apache.callback}?{urlencode(asked)}"))
    assert newer["OIDC_access_token"] != told["OIDC_access_token"], apache.log()
    assert newer["OIDC_refresh_token"] != told["OIDC_refresh_token"]
    assert person.met == ["/login", "/consent"]

    out = person.visit(f"{apache.callback}?logout={quote(apache.url + '/')}")
    assert (str(out.url), out.text) == (f"{apache.url}/", "nobody is known here")
    assert person.met == ["/login", "/consent"]  # its ID token spoke for it: no question was asked
    answer = refresh(provider, newer["OIDC_refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not provider.active(newer["OIDC_access_token"])
    let_in(apache, person)
    assert person.met == ["/login", "/consent", "/login"]


def test_a_session_that_ends_elsewhere_ends_in_apache_too(apache: Apache, provider: Provider, person: Person) -> None:
    let_in(apache, person)
    person.visit(f"{provider.issuer}/logout")  # the provider's own page
    assert person.met[-1] == "/logout"
    page = person.http.get(f"{apache.url}/private/")
    deadline = time.monotonic() + 10
    while page.status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.05)
        page = person.http.get(f"{apache.url}/private/")
    assert page.status_code == 302, apache.log()
    assert page.headers["location"].startswith(f"{provider.issuer}/authorize?")
