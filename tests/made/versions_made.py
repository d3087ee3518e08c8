"""Registered models whose fingerprints are made to be of another version."""

from places import execute

from registry.fingerprints.record import VERSION

OLD = VERSION - 1
NEW = VERSION + 1


def age(url: str, version: int = OLD, where: str = "true") -> None:
    """Make it so that an older registry, or a newer one, stored the models and computed other numbers."""
    execute(
        url,
        f"UPDATE registry_tables.models SET fingerprint_version = {version}, tool_version = '0.0.1' WHERE {where}",
    )
    chosen = f"(SELECT id FROM models WHERE {where})"
    execute(
        url, f"UPDATE registry_tables.fingerprints SET vocabulary = 7 WHERE model_id IN {chosen}"
    )
    execute(url, f"UPDATE registry_tables.matrices SET skewness = 3.5 WHERE model_id IN {chosen}")
    execute(url, f"DELETE FROM registry_tables.histograms WHERE model_id IN {chosen}")
