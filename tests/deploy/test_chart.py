"""The chart as Helm renders it: what Kubernetes takes, what no pod may lack, and what no upgrade may change."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

import authsvc
from authsvc.settings import Settings, variable
from tests.deploy.judges import CHART, ROOT, Rendered, ask, example, render

FORMER = Path(__file__).with_name("former.json")
KNOWN = {variable(field.name) for field in fields(Settings)}
OURS = {"Deployment authsvc", "Job authsvc-migrate", "Pod authsvc-doctor"}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def env(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container.get("env", [])}


def test_helm_and_kubernetes_take_each_example(rendered: Rendered) -> None:
    assert (rendered.refused, rendered.wrong) == ([], [])


def test_what_kubernetes_does_not_know_would_be_found() -> None:
    rendered = render(example("small", affinity={"nodeAffinities": {}}))
    assert len(rendered.wrong) == 2  # by the oldest version and by the newest
    assert "nodeAffinities" in rendered.wrong[0]


def test_the_chart_is_of_this_version() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == authsvc.__version__


@pytest.mark.parametrize("name", ["roles.sql", "serve-role.sql"])
def test_the_chart_makes_the_roles_that_compose_makes(name: str) -> None:
    assert (CHART / "files" / name).read_text() == (ROOT / "deploy" / name).read_text()


# Pods


def test_every_pod_is_an_ordinary_user_that_can_write_nowhere(rendered: Rendered) -> None:
    for name, pod in rendered.pods().items():
        assert pod["enableServiceLinks"] is False, name
        assert pod["automountServiceAccountToken"] is False, name
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] == (10001 if name in OURS else 999), name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers(pod):
            assert container["securityContext"] == {
                "readOnlyRootFilesystem": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert set(container["resources"]["limits"]) == {"memory"}, name
            volumes = {one["name"] for one in pod["volumes"]} | {"data"}
            assert {one["name"] for one in container["volumeMounts"]} <= volumes, name


def test_secrets_are_files_and_in_no_variable(rendered: Rendered) -> None:
    """The chart makes none, so none is in a release's history; and a pod is given what it needs, by name."""
    assert not [one for one in rendered.documents if one["kind"] == "Secret"]
    for name, pod in rendered.pods().items():
        for container in containers(pod):
            for variable_name, value in env(container).items():
                if re.search("URL|KEY|PASSWORD", variable_name):
                    assert variable_name.endswith("_FILE"), (name, variable_name)
                    assert value.startswith("/run/secrets/"), (name, value)
            assert not [one for one in container.get("env", []) if "valueFrom" in one], name
        for volume in pod["volumes"]:
            sources = [
                volume.get("secret", {}),
                *(one["secret"] for one in volume.get("projected", {}).get("sources", [])),
            ]
            assert all(source.get("items") for source in sources if source), (name, volume["name"])


def test_the_paper_makes_the_secrets_that_pods_are_given(bundled: Rendered) -> None:
    text = re.sub(r"\\\n *", "", (CHART / "README.md").read_text())
    made = {
        name: set(re.findall(r"--from-file=(\w+)", rest))
        for name, rest in re.findall(r"create secret generic (\S+) (.*)", text)
    }
    given: dict[str, set[str]] = {}
    for pod in bundled.pods().values():
        for volume in pod["volumes"]:
            sources = [one["secret"] for one in volume.get("projected", {}).get("sources", [])]
            for source in [*sources, *([volume["secret"]] if "secret" in volume else [])]:
                name = source.get("secretName") or source["name"]
                given.setdefault(name, set()).update(item["key"] for item in source["items"])
    assert made == given


def test_the_owner_of_the_tables_is_for_migrations_alone(rendered: Rendered) -> None:
    for name, pod in rendered.pods().items():
        holders = {
            volume["name"] for volume in pod["volumes"] if "owner_url" in json.dumps(volume.get("projected", {}))
        }
        for container in containers(pod):
            mounts = {mount["name"] for mount in container["volumeMounts"]}
            migrates = container["name"] == "migrate"
            assert bool(mounts & holders) is migrates, name
            if migrates:
                assert env(container)["AUTHSVC_DATABASE_URL_FILE"] == "/run/secrets/authsvc/owner_url"


def test_settings_are_settings(rendered: Rendered) -> None:
    for name, pod in rendered.pods().items():
        if name in OURS:
            for container in containers(pod):
                ours = {one for one in env(container) if one.startswith("AUTHSVC_")}
                assert {one if one in KNOWN else one.removesuffix("_FILE") for one in ours} <= KNOWN, name


def test_numbers_are_written_as_they_were_meant() -> None:
    """Helm reads numbers as floating ones: 2592000 would be 2.592e+06."""
    settings = {"AUTHSVC_REMEMBER_ME_SECONDS": 2592000, "AUTHSVC_REGISTRATION": "off", "AUTHSVC_ACCOUNT_DELETION": True}
    [container] = render(example("small", settings=settings)).one("Deployment")["spec"]["template"]["spec"][
        "containers"
    ]
    given = env(container)
    assert {name: given[name] for name in settings} == {
        "AUTHSVC_REMEMBER_ME_SECONDS": "2592000",
        "AUTHSVC_REGISTRATION": "off",
        "AUTHSVC_ACCOUNT_DELETION": "true",
    }


# Life and end of a replica


@pytest.mark.parametrize("seconds", [0, 5, 300])
def test_a_replica_has_more_time_to_end_than_it_takes(seconds: int) -> None:
    """Its drain, and ten seconds for requests under way."""
    pod = render(example("small", drainSeconds=seconds)).one("Deployment")["spec"]["template"]["spec"]
    assert env(pod["containers"][0])["AUTHSVC_DRAIN_SECONDS"] == str(seconds)
    assert pod["terminationGracePeriodSeconds"] > seconds + 10 + 10


def test_an_upgrade_takes_no_replica_away_before_another_is_ready(rendered: Rendered) -> None:
    spec = rendered.one("Deployment")["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    [container] = spec["template"]["spec"]["containers"]
    probes = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probes == {"startupProbe": "/livez", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    spread = {one["topologyKey"] for one in spec["template"]["spec"]["topologySpreadConstraints"]}
    assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_replicas_are_counted_by_who_changes_their_number(small: Rendered, production: Rendered) -> None:
    """By the chart or by the autoscaler: an upgrade would set a scaled Deployment back. Limits are for the most."""
    assert small.one("Deployment")["spec"]["replicas"] == 1
    assert "replicas" not in production.one("Deployment")["spec"]
    scaler = production.one("HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 10)
    [container] = production.one("Deployment")["spec"]["template"]["spec"]["containers"]
    assert env(container)["AUTHSVC_REPLICAS"] == "10"


def test_one_replica_alone_stops_no_drain_of_a_node(small: Rendered, production: Rendered) -> None:
    assert ("PodDisruptionBudget", "authsvc") not in small.names()
    assert production.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_migrations_run_before_an_installation_and_an_upgrade(small: Rendered, bundled: Rendered) -> None:
    """Where the stores come with the chart, a hook would find none: there each pod begins with them."""
    job = small.one("Job", "authsvc-migrate")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert "initContainers" not in small.one("Deployment")["spec"]["template"]["spec"]
    assert ("Job", "authsvc-migrate") not in bundled.names()
    [first] = bundled.one("Deployment")["spec"]["template"]["spec"]["initContainers"]
    assert first["command"] == job["spec"]["template"]["spec"]["containers"][0]["command"]


# Network


def labels_of_pods(rendered: Rendered) -> dict[str, dict[str, str]]:
    found = {}
    for one in rendered.documents:
        template = one if one["kind"] == "Pod" else one.get("spec", {}).get("template")
        if template:
            found[f"{one['kind']} {one['metadata']['name']}"] = template["metadata"]["labels"]
    return found


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", selector if "matchExpressions" not in selector else {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])
    )


def test_every_selector_selects_the_pods_that_it_is_for(rendered: Rendered) -> None:
    pods = labels_of_pods(rendered)
    for one in rendered.documents:
        spec = one.get("spec", {})
        kind, name = one["kind"], one["metadata"]["name"]
        if kind in ("Service", "PodDisruptionBudget", "Deployment", "StatefulSet"):
            chosen = {pod for pod, labels in pods.items() if selects(spec["selector"], labels)}
            store = name.rpartition("-")[2]
            assert chosen == {f"StatefulSet {name}" if store in ("postgres", "redis") else "Deployment authsvc"}, name
        elif kind == "NetworkPolicy":
            chosen = {pod for pod, labels in pods.items() if selects(spec["podSelector"], labels)}
            assert chosen == (OURS & set(pods) if name == "authsvc" else {f"StatefulSet {name}"})
            assert spec["policyTypes"] == ["Ingress", "Egress"]


def test_bundled_stores_hear_nobody_but_authsvc(bundled: Rendered) -> None:
    pods = labels_of_pods(bundled)
    for store in ("postgres", "redis"):
        spec = bundled.one("NetworkPolicy", f"authsvc-{store}")["spec"]
        [rule] = spec["ingress"]
        [peer] = rule["from"]
        assert {pod for pod, labels in pods.items() if selects(peer["podSelector"], labels)} == OURS & set(pods)
        assert spec["egress"] == []


def test_metrics_are_reached_by_no_ingress(production: Rendered) -> None:
    [rule] = production.one("Ingress")["spec"]["rules"]
    assert rule["host"] == "auth.example.com"
    assert [path["backend"]["service"]["name"] for path in rule["http"]["paths"]] == ["authsvc"]
    assert [port["name"] for port in production.one("Service")["spec"]["ports"]] == ["http"]
    monitor = production.one("ServiceMonitor")["spec"]
    assert selects(monitor["selector"], production.one("Service", "authsvc-metrics")["metadata"]["labels"])
    assert not selects(monitor["selector"], production.one("Service")["metadata"]["labels"])
    peers = [rule.get("from") for rule in production.one("NetworkPolicy")["spec"]["ingress"]]
    assert all(peers) and peers[0] != peers[1]


# Rules of Prometheus


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((CHART / "files/rules.yaml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_every_rule_is_promql_over_metrics_that_there_are(production: Rendered) -> None:
    assert production.one("PrometheusRule")["spec"]["groups"][0]["rules"] == rules()
    known = set(re.findall(r"^\| `(authsvc_\w+)`", (ROOT / "docs/reference/metrics.md").read_text(), re.MULTILINE))
    for rule in rules():
        found = {name.removesuffix("_bucket") for name in re.findall(r"authsvc_\w+", rule["expr"])}
        assert found <= known, rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
    assert ask({"queries": [rule["expr"] for rule in rules()]}) == {"wrong": []}
    assert len(ask({"queries": ["rate(authsvc_requests_total)", "sum("]})["wrong"]) == 2


# Traces


def test_traces_go_where_the_values_say_and_the_policy_lets_them(small: Rendered, production: Rendered) -> None:
    pod = production.pods()["Deployment authsvc"]
    variables = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
    assert variables["AUTHSVC_TRACES"] == "otlp"
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector.monitoring:4318"
    assert (variables["OTEL_TRACES_SAMPLER"], variables["OTEL_TRACES_SAMPLER_ARG"]) == (
        "parentbased_traceidratio",
        "0.1",
    )
    ports = [port["port"] for rule in production.one("NetworkPolicy")["spec"]["egress"] for port in rule["ports"]]
    assert 4318 in ports
    assert "TRACES" not in str(small.documents) and "4318" not in str(small.documents)
    assert "collector" in render(example("small", traces={"enabled": True})).refused[0]


# Values


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"issuer": "http://auth.example.com"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"issuer": "https://auth.example.com/"}, "issuer"),
        ({"replica": 3}, "replica"),
        ({"replicas": 0}, "replicas"),
        ({"drainSeconds": 301}, "drainSeconds"),
        ({"settings": {"AUTHSVC_MASTER_KEY": "x"}}, "AUTHSVC_MASTER_KEY"),
        ({"settings": {"AUTHSVC_SMTP_URL_FILE": "x"}}, "AUTHSVC_SMTP_URL_FILE"),
        ({"settings": {"AUTHSVC_DRAIN_SECONDS": 90}}, "AUTHSVC_DRAIN_SECONDS"),
        ({"settings": {"LOG_LEVEL": "debug"}}, "LOG_LEVEL"),
        ({"extraEnv": [{"name": "AUTHSVC_DATABASE_URL", "value": "postgresql://a:b@c/d"}]}, "extraEnv"),
        ({"trustedProxies": ["ingress"]}, "trustedProxies"),
        ({"stores": {"bundled": True}, "secrets": {"name": "authsvc", "owner": ""}}, "owner"),
    ],
)
def test_values_that_could_do_harm_are_refused(changed: dict[str, Any], word: str) -> None:
    refused = render(example("small", **changed)).refused
    assert refused and word in refused[0], refused


def test_what_should_be_known_stands_in_the_notes(small: Rendered, production: Rendered, bundled: Rendered) -> None:
    warnings = [one.notes.count("WARNING") for one in (small, production, bundled)]
    assert warnings == [1, 0, 1]
    assert "one replica alone" in small.notes
    assert "no backup" in bundled.notes
    bare = render({"issuer": "https://auth.example.com", "ingress": {"enabled": True}})
    assert "trustedProxies is empty" in bare.notes
    assert "secrets.owner is empty" in bare.notes


# Upgrades


def unchangeable(rendered: Rendered) -> dict[str, Any]:
    """What Kubernetes lets nobody change: an upgrade that would is refused in the middle."""
    found = {}
    for one in rendered.documents:
        spec, name = one.get("spec", {}), f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] == "Deployment":
            found[name] = {"selector": spec["selector"]}
        elif one["kind"] == "StatefulSet":
            found[name] = {key: spec[key] for key in ("selector", "serviceName", "volumeClaimTemplates")}
        elif one["kind"] == "Service":
            found[name] = {"clusterIP": spec.get("clusterIP")}
    return found


def test_an_upgrade_from_the_former_chart_changes_nothing_that_cannot_be_changed() -> None:
    """former.json is of chart 0.1.0. It gets new entries with new objects; those that stand there stay."""
    now = {name: unchangeable(render(example(name), upgrade=True)) for name in ("small", "production", "bundled")}
    former: dict[str, dict[str, Any]] = json.loads(FORMER.read_text())
    assert {name: {one: now[name].get(one) for one in objects} for name, objects in former.items()} == former
