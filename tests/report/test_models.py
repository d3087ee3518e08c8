"""registry.report.models: registered models and the database as tables."""

from types import SimpleNamespace

from registry.report.models import families_table, ingested_line, status_table, timing_table


def cells(table) -> list[list[str]]:
    return [[str(cell) for cell in column.cells] for column in table.columns]


def test_timing_shows_stages_that_took_time():
    """Milliseconds; what took none is left out."""
    assert cells(timing_table({"read": 0.0, "wall": 1.23456})) == [["wall"], ["1.235"]]


def test_families():
    """A row a family, with its models."""
    family = SimpleNamespace(name="llama", models=("a", "b"))
    assert cells(families_table([family])) == [["llama"], ["2"], ["a, b"]]


def test_what_ingesting_changed(model, url):
    """New, unchanged and deepened, each in a sentence of its own."""
    import registry

    with registry.Registry(url) as known:
        first = ingested_line(known.ingest(model, rank=16))
        again = ingested_line(known.ingest(model, rank=16))
        deeper = ingested_line(known.ingest(model, rank=64))
    assert first.startswith("registered model in family model: llama, ")
    assert again == "model is registered already with these weights; nothing was changed"
    assert deeper.endswith("64 singular values are stored now instead of 16")


def test_status_leaves_out_what_is_not_known(url):
    """Rows of what is known of the database."""
    from registry.database.keeping import admin

    names, values = cells(status_table(admin.status()))
    assert "running" in names
    assert "None" not in values
