"""The model registry's table: every model with what it was trained on."""

import dataframely as dy

from morningline.facts.table import Catalog, Table, day, instant, text


class Models(dy.Schema):
    """One trained model."""

    id = text("Task and hash of everything that determines the model.", key=True)
    task = text("What it predicts.")
    created_at = instant("When it was first trained (UTC).")
    train_until = day("Last local day of training.")
    test_from = day("First local day of the test.")
    test_to = day("Last local day of the test.")
    feature_set = text("Name of the feature set.")
    feature_version = text("Version of the feature set: a hash of its definitions and code.")
    delta_version = dy.Int64(min=0, description="Version of the Delta table it was trained on.")
    data_fingerprint = text("Hash of the rows it was trained, validated and tested on.")
    code_version = text("Version of the program and hash of its source.")
    seed = dy.Int64(description="Seed of everything random.")
    parameters = text("Parameters, as JSON.", sql_type="jsonb")
    metrics = text("The backtest's result, as JSON.", sql_type="jsonb")
    artefact = text("Folder of its files, relative to the workspace.", longest=400)
    artefact_sha256 = text("SHA-256 over its files.")


RECORDS = Catalog((Table(name="models", schema=Models, grain="a trained model", stage="record"),))
"""The tables of this package."""
