"""The stack of deploy/compose.yaml, as the real Compose reads it: it is well-formed, and its parts fit together."""

import json
import unittest
from pathlib import Path

import yaml
from deployment import DEPLOY, GUIDE, KEY, PORT, Unit, ask, checked, code_block, compose, directory, flag
from harness import ROOT

DEMO = ("compose.yaml", "compose.demo.yaml")


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack, cls.demo = compose("compose.yaml"), compose(*DEMO)
        cls.services = cls.stack["services"]
        cls.exporter = cls.services["openai-org-exporter"]

    def test_a_misspelt_key_is_refused(self):
        with directory() as scratch:
            wrong = scratch / "compose.yaml"
            wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("read_only:", "readonly:"))
            done = ask("docker-compose", "-f", wrong, "config", "--quiet")
        self.assertNotEqual(done.code, 0)
        self.assertIn("readonly", done.err)

    def test_the_exporter_accepts_its_command_line(self):
        with directory() as here:
            (here / "openai-admin-key").write_text(KEY)
            done = checked(self.exporter["command"], {"/run/secrets": here, "/var/lib/openai-org-exporter": here})
        self.assertEqual((done.code, done.err), (0, ""))
        done = checked([*self.exporter["command"], "--no.such-flag=1"], {})
        self.assertEqual(done.code, 2)

    def test_the_key_is_where_the_flag_says(self):
        (secret,) = self.exporter["secrets"]
        self.assertEqual(secret["target"], flag(self.exporter["command"], "--openai.admin-key-file"))
        self.assertIn(secret["source"], self.stack["secrets"])

    def test_secrets_lie_outside_of_the_repository(self):
        for name, secret in self.stack["secrets"].items():
            with self.subTest(name):
                self.assertFalse(Path(secret["file"]).is_relative_to(ROOT))

    def test_the_demo_is_a_demo_without_any_secret(self):
        self.assertEqual(self.demo["services"]["openai-org-exporter"]["command"], ["demo"])
        self.assertNotIn("secret", json.dumps(self.demo))
        self.assertNotIn("PASSWORD", json.dumps(self.demo))

    def test_the_demo_leaves_nothing_to_the_real_stack(self):
        volumes = [{volume["name"] for volume in project["volumes"].values()} for project in (self.stack, self.demo)]
        self.assertEqual([len(names) for names in volumes], [4, 4])
        self.assertEqual(volumes[0] & volumes[1], set())
        self.assertNotEqual(self.stack["name"], self.demo["name"])

    def test_the_state_is_on_a_volume(self):
        state = flag(self.exporter["command"], "--state.file")
        (volume,) = self.exporter["volumes"]
        self.assertEqual((volume["type"], volume["target"]), ("volume", str(Path(state).parent)))

    def test_every_service_is_confined_and_answers_this_machine_only(self):
        for project in (self.stack, self.demo):
            for name, service in project["services"].items():
                with self.subTest(name):
                    self.assertTrue(service["read_only"])
                    self.assertEqual(service["cap_drop"], ["ALL"])
                    self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                    self.assertEqual([port["host_ip"] for port in service["ports"]], ["127.0.0.1"])

    def test_the_memory_limit_is_that_of_the_guide_as_everywhere(self):
        self.assertIn("The memory limit of 128 MiB is for up to 300 organizations; above, 0.35 MB each more.", GUIDE)
        pod = yaml.safe_load((DEPLOY / "kubernetes/base/deployment.yaml").read_text())["spec"]["template"]["spec"]
        limits = {
            "compose": int(self.exporter["mem_limit"]) // 2**20,
            "kubernetes": int(pod["containers"][0]["resources"]["limits"]["memory"].removesuffix("Mi")),
            "systemd": int(Unit.read("openai-org-exporter.service").one("MemoryMax").removesuffix("M")),
        }
        self.assertEqual(set(limits.values()), {128}, limits)
        for name in ("compose.yaml", "kubernetes/base/deployment.yaml", "systemd/openai-org-exporter.service"):
            with self.subTest(name):
                self.assertIn("# Up to 300 organizations; above, 0.35 MB each more.", (DEPLOY / name).read_text())

    def test_images_are_built_or_pinned(self):
        for name, service in self.services.items():
            with self.subTest(name):
                if "build" in service:
                    self.assertTrue((Path(service["build"]["context"]) / "Dockerfile").is_file())
                else:
                    self.assertRegex(service["image"], r":v?\d+\.\d+\.\d+$")

    def test_what_is_mounted_exists(self):
        for name, service in self.services.items():
            for volume in (volume for volume in service["volumes"] if volume["type"] == "bind"):
                with self.subTest(f"{name}: {volume['target']}"):
                    source = Path(volume["source"])
                    self.assertTrue(source.exists(), source)
                    self.assertEqual(source.is_file(), bool(Path(volume["target"]).suffix))
                    self.assertTrue(volume["read_only"])

    def test_addresses_are_names_of_services_and_their_ports(self):
        prometheus = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
        datasources = yaml.safe_load((DEPLOY / "grafana/datasources/prometheus.yaml").read_text())
        scraped = [target for job in prometheus["scrape_configs"] for target in job["static_configs"][0]["targets"]]
        told = [t for am in prometheus["alerting"]["alertmanagers"] for t in am["static_configs"][0]["targets"]]
        asked = [source["url"].removeprefix("http://") for source in datasources["datasources"]]
        self.assertEqual(scraped, [f"openai-org-exporter:{PORT}"])
        for address in [*scraped, *told, *asked]:
            with self.subTest(address):
                name, port = address.split(":")
                self.assertIn(int(port), [published["target"] for published in self.services[name]["ports"]])

    def test_the_third_file_of_the_guide_mounts_the_web_configuration(self):
        with directory() as here:
            third = here / "web.yaml"
            third.write_text(code_block("yaml", "# a third Compose file"))
            exporter = compose("compose.yaml", third)["services"]["openai-org-exporter"]
        file = Path(exporter["environment"]["OPENAI_ORG_EXPORTER_WEB_CONFIG_FILE"])
        (mounted,) = [volume for volume in exporter["volumes"] if volume["type"] == "bind"]
        self.assertEqual((mounted["target"], mounted["read_only"]), (str(file.parent), True))

    def test_programs_read_their_configuration_where_it_is_mounted(self):
        for name in ("prometheus", "alertmanager"):
            with self.subTest(name):
                mounted = [volume["target"] for volume in self.services[name]["volumes"]]
                self.assertIn(flag(self.services[name]["command"], "--config.file"), mounted)


class Dashboards(unittest.TestCase):
    def setUp(self):
        self.grafana = compose("compose.yaml")["services"]["grafana"]
        self.mounted = {volume["target"]: Path(volume.get("source", "")) for volume in self.grafana["volumes"]}

    def test_all_are_mounted_where_grafana_looks_and_nothing_else_is(self):
        (provider,) = yaml.safe_load((DEPLOY / "grafana/dashboards/openai-org.yaml").read_text())["providers"]
        looked_at = Path(provider["options"]["path"])
        found = {
            path.name: source
            for path, source in ((Path(t), s) for t, s in self.mounted.items())
            if path.is_relative_to(looked_at)
        }
        self.assertEqual(found, {path.name: path for path in (ROOT / "dashboards").glob("*.json")})

    def test_the_one_shown_first_is_one_of_them(self):
        self.assertIn(self.grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"], self.mounted)

    def test_rates_are_reckoned_with_the_scrape_interval(self):
        (source,) = yaml.safe_load((DEPLOY / "grafana/datasources/prometheus.yaml").read_text())["datasources"]
        prometheus = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
        self.assertEqual(source["jsonData"]["timeInterval"], prometheus["global"]["scrape_interval"])


if __name__ == "__main__":
    unittest.main()
