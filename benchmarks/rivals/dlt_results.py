"""The rival: the same results through dlt's REST client and its PostgreSQL destination, merged by key."""

from __future__ import annotations

import sys
import time
from datetime import date, timedelta

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import HttpBasicAuth
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator


def main(url: str, database: str, first: date, days: int) -> None:
    client = RESTClient(
        base_url=url,
        auth=HttpBasicAuth("user", "password"),
        paginator=OffsetPaginator(limit=50, offset_param="skip", limit_param="limit", total_path="total"),
        data_selector="results",
    )

    @dlt.resource(name="results", primary_key="race_id", write_disposition="merge", parallelized=True)
    def results():  # noqa: ANN202 - a generator of pages, as dlt wants it
        for offset in range(days):
            day = str(first + timedelta(days=offset))
            yield from client.paginate("/v1/results", params={"start_date": day, "end_date": day})

    pipeline = dlt.pipeline("rival", destination=dlt.destinations.postgres(database), dataset_name="rival")
    started = time.perf_counter()
    pipeline.run(results())
    seconds = time.perf_counter() - started
    with pipeline.sql_client() as sql:
        rows = sql.execute_sql("SELECT count(*) FROM results__runners")[0][0]
    print(f"{rows} {seconds:.3f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], date.fromisoformat(sys.argv[3]), int(sys.argv[4]))
