"""A page whose database goes away under it, and comes back."""

import psycopg
import pytest
from fastapi.testclient import TestClient

from registry.database.connecting.reading_pool import reading_pool
from registry.web.app import application

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@pytest.mark.slow
def test_the_page_says_so_and_recovers(own_url, shared_server, caplog):
    """Connections that were cut are replaced unseen; without a database it is 503, and 200 once it is there again."""
    name = own_url.partition("?")[0].rpartition("/")[2]
    with reading_pool(2) as reader, psycopg.connect(shared_server, autocommit=True) as server:
        client = TestClient(application(reader), base_url="http://127.0.0.1")
        assert client.get("/models").status_code == 200
        server.execute(CUT, (name,))
        assert client.get("/models").status_code == 200

        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        server.execute(CUT, (name,))
        for _ in range(2):
            page, twin = client.get("/models"), client.get("/models.json")
            assert page.status_code == twin.status_code == 503
            assert "The database does not answer at the moment" in page.text
            assert twin.json()["error"] == "DatabaseGone"
            assert twin.headers["retry-after"] == "5"
            assert name not in page.text + twin.text
        assert sum(name in record.getMessage() for record in caplog.records) == 1

        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert client.get("/models").status_code == 200


def test_what_is_read_is_read_alone(reader):
    """Its connections are an analyst's, in transactions that write nothing."""

    def asked(session):
        connection = session.connection()
        role = connection.exec_driver_sql("SELECT current_user").scalar()
        return role, connection.exec_driver_sql("SHOW transaction_read_only").scalar()

    assert reader.ask(asked)[1] == "on"
    assert reader.ask(asked)[0] == "registry_analyst"
