"""registry.commands.verdicts."""

from command_line import answer, run


def test_json_of_an_identification(url, model, tmp_path):
    """Identify gives verdict, model, family and matches with both distances."""
    run("ingest", model, "--family", "fam")
    found = answer("identify", model)
    assert (found["verdict"], found["model"], found["family"]) == ("same weights", "model", "fam")
    [match] = found["matches"]
    assert {"model", "family", "std_distance", "clustering_distance"} <= set(match)
    assert match["std_distance"] == 0
