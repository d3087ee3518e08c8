"""What other tools read of a verdict. Pure: an account of a model becomes a document.

predicate      what is stated of a model, in JSON's types; the other forms carry parts of it
cyclonedx      a machine-learning bill of materials, CycloneDX 1.6
spdx           an SPDX 3.0.1 document with the AI profile, in JSON-LD
in_toto        an in-toto Statement v1 with our predicate
card           base_model and base_model_relation in the head of a model card
front_matter   the head of a card, edited in place
mlflow_tags    the same as tags of a model that MLflow logged

docs/statements.md describes them. English comes in from outside, as Words.
"""
