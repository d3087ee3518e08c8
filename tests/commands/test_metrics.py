"""registry.commands.metrics: numbers on stdout, and an error where the database is away."""

import json

from command_line import answer, run
from prometheus_client.parser import text_string_to_metric_families


def test_the_text(url):
    """Stdout is the format and nothing else."""
    result = run("metrics")
    assert (result.exit_code, result.stderr) == (0, "")
    families = {family.name for family in text_string_to_metric_families(result.stdout)}
    assert {"registry_up", "registry_models_due", "registry_spool_files"} <= families


def test_the_json(url):
    """The same numbers by name; of a metric without a number, an empty list."""
    metrics = answer("metrics")["metrics"]
    assert metrics["registry_up"] == [{"value": 1, "labels": {}}]
    assert metrics["registry_models"] == []
    assert {"value": 0, "labels": {"verdict": "derived"}} in metrics["registry_verdicts"]


def test_a_database_that_is_away(monkeypatch, tmp_path):
    """What is known without it is printed; then the error, and exit code 1."""
    monkeypatch.setenv("REGISTRY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REGISTRY_DATABASE_URL", "postgresql://u@/x?host=/nonexistent")
    result = run("metrics")
    assert result.exit_code == 1
    assert "registry_up 0\n" in result.stdout
    assert result.stderr.startswith("Error: The database")
    down = run("metrics", "--json")
    assert json.loads(down.stdout)["metrics"]["registry_up"] == [{"value": 0, "labels": {}}]
    assert down.exit_code == 1
