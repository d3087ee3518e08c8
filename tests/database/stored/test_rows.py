"""registry.database.stored.rows: records and rows share values by name."""

from registry.database.stored.rows import column_values, field_values, records_of, rows_of
from registry.database.tables.schema import ClusteringRow, HistogramRow
from registry.fingerprints.histogram_record import Histogram
from registry.fingerprints.record import Clustering

HISTOGRAMS = (Histogram("query", (1, 2)), Histogram("up", (3, 4)))


def test_a_record_comes_back_from_its_row():
    """Every field, in order."""
    rows = rows_of(HISTOGRAMS, HistogramRow)
    assert [row.projection for row in rows] == ["query", "up"]
    assert records_of(rows, Histogram) == HISTOGRAMS


def test_only_what_both_have_is_shared():
    """The model's key is a column without a field."""
    row = HistogramRow(model_id=7, projection="query", counts=(1, 2))
    assert field_values(row, Histogram) == {"projection": "query", "counts": (1, 2)}


def test_a_column_may_be_left_out():
    """As one that the server computes."""
    clustering = Clustering(16, (0.5,) * 7, (1,), (0,), 0.1, 0.2, ())
    values = column_values(clustering, ClusteringRow, without=("vector",))
    assert set(values) == {"rank", "labels", "labels3", "inertia", "margin", "undetermined"}
