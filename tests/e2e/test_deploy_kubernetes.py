"""The manifests of deploy/kubernetes, as kubectl builds them, held against the schemas of Kubernetes and of the
Prometheus Operator: they are well-formed, ask for no rights, and their parts fit together.
"""

import copy
import json
import re
import shutil
import unittest
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator
from deployment import DEPLOY, GUIDE, JOB, KEY, PORT, answer, checked, code_block, directory, flag, kustomize, seconds
from harness import ROOT

KUBERNETES = DEPLOY / "kubernetes"
VARIANTS = {
    "operator": KUBERNETES,
    "base": KUBERNETES / "base",
    "textfile": KUBERNETES / "textfile",
    "check": KUBERNETES / "check",
}
# The oldest and the newest that the validator knows.
VERSIONS = ("1.25", "1.37")
MODELS = {"ServiceMonitor": operator.ServiceMonitor, "PrometheusRule": operator.PrometheusRule}

Object = dict[str, Any]


def validate(thing: Object) -> None:
    """Raises where a schema does not allow the object, or does not know one of its fields."""
    if model := MODELS.get(thing["kind"]):
        understood = model.model_validate(thing).model_dump(by_alias=True, exclude_unset=True, mode="json")
        if understood != thing:
            raise ValueError(f"not all of it was understood: {thing} became {understood}")
        return
    for version in VERSIONS:
        kubernetes_validate.validate(thing, version, strict=True)


def pod(things: list[Object]) -> Object:
    """The specification of the one pod that they describe."""
    (found,) = [thing["spec"] for thing in things if thing["kind"] in ("Deployment", "CronJob")]
    return (found.get("jobTemplate", {}).get("spec") or found)["template"]


def relabelled(relabelings: list[Object], pods: list[tuple[str, str]]) -> list[dict[str, str]]:
    """The labels that Prometheus gives to targets, each a pod in a namespace: what the Operator sets, relabelled so."""
    service = {"__meta_kubernetes_service_name": "openai-org-exporter", "service": "openai-org-exporter"}
    targets = [
        service
        | {"__meta_kubernetes_namespace": namespace, "namespace": namespace}
        | {"pod": name, "container": "exporter", "endpoint": "metrics"}
        for namespace, name in pods
    ]
    job = {
        "job_name": JOB,
        "static_configs": [{"targets": [f"192.0.2.{i}:{PORT}"], "labels": labels} for i, labels in enumerate(targets)],
        "relabel_configs": [
            {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key): value for key, value in step.items()}
            for step in relabelings
        ],
    }
    with directory() as here:
        (here / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
        # It looks for targets as long as it is told to.
        check = ("promtool", "check", "service-discovery", "--timeout=2s")
        found = json.loads(answer(*check, here / "prometheus.yml", JOB))
    found.sort(key=lambda target: target["discoveredLabels"]["__address__"])
    return [{key: value for key, value in target["labels"].items() if key[:2] != "__"} for target in found]


def only(things: list[Object], kind: str, name: str | None = None) -> Object:
    (found,) = [thing for thing in things if thing["kind"] == kind and name in (None, thing["metadata"]["name"])]
    return found


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.variants = {name: kustomize(path) for name, path in VARIANTS.items()}
        cls.operator, cls.base, cls.textfile, cls.check = (cls.variants[name] for name in VARIANTS)

    def test_the_schemas_allow_every_object(self):
        for name, things in self.variants.items():
            with self.subTest(name):
                for thing in things:
                    with self.subTest(f"{thing['kind']} {thing['metadata']['name']}"):
                        validate(thing)
        kinds = {thing["kind"] for thing in self.operator}
        self.assertLessEqual({"Deployment", "Service", "ServiceMonitor", "PrometheusRule", "NetworkPolicy"}, kinds)

    def test_a_misspelt_field_is_refused_in_every_object(self):
        for name, things in self.variants.items():
            with self.subTest(name):
                for thing in (thing for thing in things if "spec" in thing):
                    with self.subTest(thing["kind"]):
                        wrong = copy.deepcopy(thing)
                        wrong["spec"]["misspelt"] = 1
                        with self.assertRaises((kubernetes_validate.ValidationError, ValueError)):
                            validate(wrong)

    def test_pods_meet_the_restricted_standard(self):
        for name, things in self.variants.items():
            with self.subTest(name):
                spec = pod(things)["spec"]
                self.assertTrue(spec["securityContext"]["runAsNonRoot"])
                self.assertGreater(spec["securityContext"]["runAsUser"], 0)
                self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                self.assertLessEqual({"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec), set())
                (container,) = spec["containers"]
                context = {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                }
                self.assertEqual(container["securityContext"], context)
                self.assertFalse(spec["automountServiceAccountToken"])
                self.assertIs(spec["enableServiceLinks"], False)
                self.assertIn("memory", container["resources"]["limits"])

    def test_only_the_textfile_touches_the_node_and_the_namespace_allows_nothing_of_the_kind(self):
        for name, things in self.variants.items():
            with self.subTest(name):
                mounts_the_host = any("hostPath" in volume for volume in pod(things)["spec"]["volumes"])
                self.assertEqual(mounts_the_host, name == "textfile")
        labels = only(self.base, "Namespace")["metadata"]["labels"]
        self.assertEqual(labels["pod-security.kubernetes.io/enforce"], "restricted")

    def test_the_user_is_that_of_the_image(self):
        (user,) = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("USER ")]
        for name, things in self.variants.items():
            with self.subTest(name):
                context = pod(things)["spec"]["securityContext"]
                self.assertEqual(user, f"USER {context['runAsUser']}:{context['runAsGroup']}")

    def test_no_key_is_in_a_manifest_and_the_guide_makes_the_secret_that_they_name(self):
        for name, things in self.variants.items():
            with self.subTest(name):
                self.assertNotIn("Secret", [thing["kind"] for thing in things])
                (keys,) = [volume["secret"] for volume in pod(things)["spec"]["volumes"] if "secret" in volume]
                namespace = next(
                    thing["metadata"]["namespace"] for thing in things if thing["kind"] in ("Deployment", "CronJob")
                )
                made = f"--namespace {namespace} create secret generic {keys['secretName']} --from-file=acme="
                self.assertIn(made, GUIDE)

    def test_the_exporter_accepts_its_command_line_and_finds_its_key(self):
        for name, things in self.variants.items():
            with self.subTest(name):
                spec = pod(things)["spec"]
                (container,) = spec["containers"]
                with directory() as here:
                    mounts = self.materialize(spec, container, things, here)
                    done = checked(container["args"], mounts)
                self.assertEqual((done.code, done.err), (0, ""), name)

    def materialize(self, spec: Object, container: Object, things: list[Object], here: Path) -> dict[str, Path]:
        """Makes the directories of a pod, with what its ConfigMap holds and a key; gives which stands for which."""
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        mounts = {}
        for mount in container["volumeMounts"]:
            self.assertNotIn("subPath", mount)
            volume = volumes.pop(mount["name"])
            path = mounts[mount["mountPath"]] = here / mount["name"]
            path.mkdir()
            if "secret" in volume:
                (path / "acme").write_text(KEY)
            if "configMap" in volume:
                for file, text in only(things, "ConfigMap", volume["configMap"]["name"])["data"].items():
                    text = text.replace("/etc/openai-org-exporter/keys", str(here / "keys"))
                    (path / file).write_text(text)
        self.assertEqual(volumes, {}, "volumes that nothing mounts")
        return mounts

    def test_without_the_mounted_key_the_command_line_is_refused(self):
        spec = pod(self.base)["spec"]
        (container,) = spec["containers"]
        with directory() as here:
            mounts = self.materialize(spec, container, self.base, here)
            (here / "keys" / "acme").unlink()
            done = checked(container["args"], mounts)
        self.assertEqual(done.code, 2)
        self.assertIn("keys/acme", done.err)

    def test_one_exporter_writes_the_state_on_a_volume(self):
        for name, kind in (("base", "emptyDir"), ("operator", "persistentVolumeClaim")):
            with self.subTest(name):
                things = self.variants[name]
                deployment = only(things, "Deployment")["spec"]
                self.assertEqual((deployment["replicas"], deployment["strategy"]), (1, {"type": "Recreate"}))
                spec = deployment["template"]["spec"]
                (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "state"]
                self.assertEqual(set(volume), {"name", kind})
                (container,) = spec["containers"]
                (mount,) = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "state"]
                self.assertEqual(str(Path(flag(container["args"], "--state.file")).parent), mount)
        claim = only(self.operator, "PersistentVolumeClaim")["metadata"]["name"]
        self.assertEqual(claim, volume["persistentVolumeClaim"]["claimName"])

    def test_service_probes_and_policy_lead_to_the_port(self):
        template = pod(self.base)
        (container,) = template["spec"]["containers"]
        (port,) = container["ports"]
        self.assertEqual(port["containerPort"], PORT)
        paths = {name: container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")}
        self.assertEqual(
            {name: probe["path"] for name, probe in paths.items()},
            {"livenessProbe": "/-/healthy", "readinessProbe": "/-/ready"},
        )
        service = only(self.base, "Service")
        policy = only(self.base, "NetworkPolicy", "openai-org-exporter-scrapes")["spec"]
        allowed = policy["ingress"][0]["ports"][0]["port"]
        self.assertEqual(
            {probe["port"] for probe in paths.values()} | {service["spec"]["ports"][0]["targetPort"], allowed},
            {port["name"]},
        )
        self.assertEqual(service["spec"]["ports"][0]["port"], PORT)
        self.assertLessEqual(service["spec"]["selector"].items(), template["metadata"]["labels"].items())
        self.assertIs(service["spec"]["publishNotReadyAddresses"], True)

    def test_policies_select_the_pods_and_let_out_names_and_https_alone(self):
        for name, things in self.variants.items():
            with self.subTest(name):
                policies = [thing["spec"] for thing in things if thing["kind"] == "NetworkPolicy"]
                labels = pod(things)["metadata"]["labels"].items()
                for policy in policies:
                    self.assertLessEqual(policy["podSelector"]["matchLabels"].items(), labels)
                self.assertEqual({kind for policy in policies for kind in policy["policyTypes"]}, {"Ingress", "Egress"})
                rules = [rule for policy in policies for rule in policy.get("egress", [])]
                self.assertTrue(all(rule.get("to") and rule.get("ports") for rule in rules), "a rule without bounds")
                self.assertEqual({port["port"] for rule in rules for port in rule["ports"]}, {53, 443})

    def test_the_monitor_finds_the_service_and_names_the_job(self):
        monitor, service = only(self.operator, "ServiceMonitor")["spec"], only(self.operator, "Service")
        labels = service["metadata"]["labels"]
        self.assertLessEqual(monitor["selector"]["matchLabels"].items(), labels.items())
        self.assertEqual(labels[monitor["jobLabel"]], JOB)
        (endpoint,) = monitor["endpoints"]
        self.assertIn(endpoint["port"], [port["name"] for port in service["spec"]["ports"]])

    def test_another_pod_is_the_same_target_and_another_namespace_is_not(self):
        (endpoint,) = only(self.operator, "ServiceMonitor")["spec"]["endpoints"]
        labels = relabelled(endpoint["relabelings"], [("a", "exporter-1"), ("a", "exporter-2"), ("b", "exporter-1")])
        instances = [target["instance"] for target in labels]
        self.assertEqual(instances, ["a/openai-org-exporter", "a/openai-org-exporter", "b/openai-org-exporter"])
        self.assertEqual(labels[0], labels[1])
        self.assertEqual(set(labels[0]), {"job", "instance", "namespace", "service"})

    def test_the_rules_are_those_of_the_repository(self):
        manifests = [thing for thing in self.operator if thing["kind"] == "PrometheusRule"]
        loaded = {group["name"]: group for thing in manifests for group in thing["spec"]["groups"]}
        files = [yaml.safe_load(path.read_text()) for path in (ROOT / "rules").glob("*.yaml")]
        self.assertEqual(loaded, {group["name"]: group for file in files for group in file["groups"]})

    def test_the_policies_of_the_daily_check_are_good_and_some_of_the_starter_set(self):
        job, spec = only(self.check, "CronJob")["spec"], pod(self.check)["spec"]
        (container,) = spec["containers"]
        self.assertEqual(job["jobTemplate"]["spec"]["backoffLimit"], 0)
        walk, deadline = flag(container["args"], "--poll.timeout"), job["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        self.assertLess(seconds(walk), deadline)
        with directory() as here:
            mounts = self.materialize(spec, container, self.check, here)
            command = ["serve", *(word for word in container["args"][1:])]
            done = checked(command, mounts)
            self.assertEqual((done.code, done.err), (0, ""))
            own = yaml.safe_load((here / "policies" / "policies.yaml").read_text())["policies"]
        starter = yaml.safe_load((ROOT / "policies" / "baseline.yaml").read_text())["policies"]
        bare = [{key: value for key, value in policy.items() if key not in ("description",)} for policy in starter]
        for policy in own:
            self.assertIn({"severity": "warning"} | policy, bare)

    def test_a_walk_for_the_textfile_ends_before_the_next_begins(self):
        job = only(self.textfile, "CronJob")["spec"]
        (container,) = pod(self.textfile)["spec"]["containers"]
        self.assertEqual((job["schedule"], job["concurrencyPolicy"]), ("*/15 * * * *", "Forbid"))
        walk, deadline = (
            seconds(flag(container["args"], "--poll.timeout")),
            job["jobTemplate"]["spec"]["activeDeadlineSeconds"],
        )
        self.assertLess(walk, deadline)
        self.assertLess(deadline, 15 * 60)
        output = flag(container["args"], "--output")
        self.assertTrue(output.endswith(".prom"))
        self.assertIn(str(Path(output).parent), [mount["mountPath"] for mount in container["volumeMounts"]])

    def overlay(self, here: Path, more: str = "", **files: str) -> list[Object]:
        """What kubectl builds of the example of the guide, with `more` behind it and these files beside it."""
        shutil.copytree(KUBERNETES, here / "openai-org-exporter" / "deploy" / "kubernetes")
        (here / "kustomization.yaml").write_text(code_block("yaml", "kind: Kustomization") + more)
        (here / "config.yaml").write_text(code_block("yaml", "# config.yaml"))
        for name, text in files.items():
            (here / f"{name}.yaml").write_text(text)
        things = kustomize(here)
        for thing in things:
            validate(thing)
        return things

    def test_the_example_of_the_guide_builds(self):
        with directory() as here:
            things = self.overlay(here)
            spec = pod(things)["spec"]
            (container,) = spec["containers"]
            rooms = self.materialize(spec, container, things, here)
            (here / "keys" / "globex").write_text(f"{KEY}-other")
            done = checked(container["args"], rooms)
            self.assertEqual((done.code, done.err), (0, ""))
            self.assertIn("globex", done.out)
        self.assertEqual({thing["metadata"].get("namespace", "-") for thing in things}, {"openai-org-exporter", "-"})
        self.assertEqual(only(things, "ServiceMonitor")["metadata"]["labels"]["release"], "kube-prometheus-stack")
        self.assertRegex(container["image"], r"^registry\.example/openai-org-exporter:")

    def test_what_the_guide_adds_for_tls_builds(self):
        more, patch = code_block("yaml", "# more of kustomization.yaml"), code_block("yaml", "# web.yaml")
        by_command = code_block("yaml", "readinessProbe: &check")
        over_http = "".join(line for line in patch.splitlines(keepends=True) if "httpGet" in line)
        for probes, kind in ((over_http, "httpGet"), (by_command, "exec")):
            with self.subTest(kind), directory() as here:
                things = self.overlay(here, more, web=patch.replace(over_http, probes))
                (container,) = pod(things)["spec"]["containers"]
                for name in ("readinessProbe", "livenessProbe"):
                    self.assertEqual({"httpGet", "exec"} & set(container[name]), {kind})
                    self.assertEqual(container[name].get("httpGet", {}).get("scheme"), {"httpGet": "HTTPS"}.get(kind))
                (file,) = [one["value"] for one in container["env"] if one["name"].endswith("_WEB_CONFIG_FILE")]
                self.assertIn(str(Path(file).parent), [mount["mountPath"] for mount in container["volumeMounts"]])
                self.assertIn("openai-org-exporter-web", str(pod(things)["spec"]["volumes"]))
                (endpoint,) = only(things, "ServiceMonitor")["spec"]["endpoints"]
                self.assertEqual(endpoint["scheme"], "https")
                self.assertIn("basicAuth", endpoint)


if __name__ == "__main__":
    unittest.main()
