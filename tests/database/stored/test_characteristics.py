"""registry.database.stored.characteristics: groups of projections and what decided them, as rows."""

import pytest
from places import rows
from sqlalchemy.orm import Session

import registry
from registry.characteristic.groups import Characteristic, Comparison, Group
from registry.characteristic.laws import Law
from registry.characteristic.pareto import Pareto
from registry.database.connecting.connection import open_database
from registry.database.stored.characteristics import keep_characteristic
from registry.errors import ModelNotFound

LAW = Law(
    law="power law",
    count=30,
    mean=1.5,
    pareto=Pareto("zero", shape=1.0, location=2.0, scale=3.0, likelihood=-4.0),
    interval=(0.9, 1.1),
    ks=0.1,
    scores={"power law": 0.0, "normal": -2.5},
)
CHARACTERISTIC = Characteristic(16, (Group("query", ("key",)),), (Comparison("query", "key", LAW),))


@pytest.fixture
def session(url, model):
    """A session on a registry that holds a model."""
    with registry.Registry(url) as known:
        known.ingest(model)
    with open_database(url) as engine, Session(engine) as opened:
        yield opened


def test_groups_and_comparisons_are_rows(session, url):
    """A referenced projection is its own member without a law; a comparison has its numbers."""
    keep_characteristic(session, "model", CHARACTERISTIC)
    session.commit()
    query = (
        "SELECT projection, member, law, distances, mean, shape, location, scale, ks,"
        " power_over_normal FROM characteristics WHERE referenced = 'query' ORDER BY 1 DESC"
    )
    assert rows(url, query) == [
        ("query", True, None, None, None, None, None, None, None, None),
        ("key", True, "power law", 30, 1.5, 1.0, 2.0, 3.0, 0.1, 2.5),
    ]


def test_groups_of_one_rank_are_replaced(session, url):
    """Those of another rank stay."""
    deeper = Characteristic(64, CHARACTERISTIC.groups, CHARACTERISTIC.comparisons)
    alone = Characteristic(16, (Group("up", ()),), ())
    for characteristic in (CHARACTERISTIC, deeper, alone):
        keep_characteristic(session, "model", characteristic)
    session.commit()
    query = "SELECT rank, referenced, count(*) FROM characteristics GROUP BY 1, 2 ORDER BY 1"
    assert rows(url, query) == [(16, "up", 1), (64, "query", 2)]


def test_groups_need_a_model(session):
    """A name that is not registered is refused."""
    with pytest.raises(ModelNotFound, match="nobody"):
        keep_characteristic(session, "nobody", CHARACTERISTIC)
