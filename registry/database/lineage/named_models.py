"""Names of models within verdicts on other models, which follow where a model is renamed."""

from sqlalchemy import text
from sqlalchemy.orm import Session

# Each verdict that names the model holds the old name in some of these places.
RENAME = (
    "UPDATE registry_tables.verdicts SET base = :new WHERE base = :old",
    "UPDATE registry_tables.verdicts SET closest = :new WHERE closest = :old",
    """
    UPDATE registry_tables.verdicts
    SET direction = jsonb_set(direction, '{origin}', to_jsonb(CAST(:new AS text)))
    WHERE direction ->> 'origin' = :old
    """,
    """
    UPDATE registry_tables.verdicts SET relatives = (
        SELECT jsonb_agg(
            CASE WHEN item ->> 'model' = :old
                 THEN jsonb_set(item, '{model}', to_jsonb(CAST(:new AS text))) ELSE item END
            ORDER BY place
        )
        FROM jsonb_array_elements(relatives) WITH ORDINALITY AS relative (item, place)
    )
    WHERE relatives @> jsonb_build_array(jsonb_build_object('model', CAST(:old AS text)))
    """,
    *(
        f"""
        UPDATE registry_tables.{table} SET changes = (
            SELECT jsonb_agg(
                CASE WHEN item ->> 'kind' = 'merged' THEN jsonb_set(item, '{{parts}}', (
                    SELECT jsonb_agg(
                        CASE WHEN part = to_jsonb(CAST(:old AS text))
                             THEN to_jsonb(CAST(:new AS text)) ELSE part END ORDER BY number
                    )
                    FROM jsonb_array_elements(item -> 'parts')
                        WITH ORDINALITY AS name (part, number)
                )) ELSE item END ORDER BY place
            )
            FROM jsonb_array_elements(changes) WITH ORDINALITY AS change (item, place)
        )
        WHERE changes @> jsonb_build_array(jsonb_build_object(
            'kind', 'merged', 'parts', jsonb_build_array(CAST(:old AS text))
        ))
        """  # noqa: S608  # of two tables that are named here
        for table in ("verdicts", "edges")
    ),
)


def rename_in_verdicts(session: Session, old: str, new: str) -> None:
    """Put a model's new name in the place of its old one, wherever verdicts on others have it."""
    for statement in RENAME:
        session.execute(text(statement), {"old": old, "new": new})
