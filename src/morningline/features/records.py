"""The computations of features: what each read and wrote, so that every stored row can be followed back."""

import dataframely as dy

from morningline.facts.table import Catalog, Table, instant, text


class FeatureComputations(dy.Schema):
    """One act of computing features. Rows of a feature table name the one that wrote them."""

    id = text("When it began and what it read, in letters that sort by time.", key=True)
    feature_set = text("Name of the set.")
    feature_version = text("Version of the set: a hash of its definitions and code.")
    code_version = text("Version of the program.")
    as_of = instant("What was known at this instant was read (UTC).")
    mark = dy.Int64(min=0, description="The newest change of facts before they were read.")
    tables = text("The newest change of each table of facts, as JSON: what was read.", sql_type="jsonb")


RECORDS = Catalog(
    (Table(name="feature_computations", schema=FeatureComputations, grain="a computation of features", stage="record"),)
)
"""The tables of this package."""
