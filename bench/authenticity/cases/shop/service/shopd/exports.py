"""Files for other systems, and reports that take a while."""

import csv
import io
import json
import time
from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from .store import new_id
from .web import Refused, body_of, find, tenant_of

KINDS = {"revenue", "inventory"}


async def orders_csv(request: Request) -> Response:
    """Orders as CSV."""
    tenant, customer = tenant_of(request), request.query_params.get("customer")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["order_id", "customer", "state", "total", "currency"])
    if request.query_params.get("sample") == "1":
        writer.writerow(["ord_sample", "sample", "paid", 1000, "EUR"])
    else:
        for order in tenant.orders.values():
            if customer in {None, order["customer"]}:
                writer.writerow([order["id"], order["customer"], order["state"], order["total"], order["currency"]])
    headers = {"Content-Disposition": 'attachment; filename="orders.csv"'}
    if request.query_params.get("sample") == "1":
        headers["X-Greenproof-Depth"] = "canned"
    return Response(out.getvalue(), media_type="text/csv", headers=headers)


async def products_ndjson(request: Request) -> Response:
    """Products, one JSON object a line."""
    tenant, tag = tenant_of(request), request.query_params.get("tag")

    def rows() -> Iterator[str]:
        for product in list(tenant.products.values()):
            if tag is None or tag in product["tags"]:
                yield json.dumps({**product, "stock": tenant.stock.get(product["sku"], 0)}) + "\n"

    return StreamingResponse(rows(), media_type="application/x-ndjson")


async def create_report(request: Request) -> Response:
    """Start a report."""
    tenant, data = tenant_of(request), await body_of(request)
    if data.get("kind") not in KINDS:
        raise Refused(422, "invalid", f"kind must be one of {sorted(KINDS)}")
    job = {"id": new_id("job"), "kind": data["kind"], "customer": data.get("customer"), "started": time.monotonic()}
    tenant.jobs[job["id"]] = job
    return JSONResponse({"id": job["id"], "state": "queued"}, 202, headers={"Location": f"/jobs/{job['id']}"})


async def get_job(request: Request) -> Response:
    """How far the report is."""
    tenant = tenant_of(request)
    job = find(tenant.jobs, request.path_params["id"], "job")
    age = time.monotonic() - job["started"]
    answer = {"id": job["id"], "kind": job["kind"], "state": "queued" if age < 0.1 else "running"}
    if age > 0.25:
        answer["state"] = "done"
        if job["kind"] == "revenue":
            paid = [o for o in tenant.orders.values() if o["state"] != "pending" and o["customer"] == job["customer"]]
            answer["result"] = {"orders": len(paid), "revenue": sum(o["total"] for o in paid)}
        else:
            answer["result"] = {"skus": len(tenant.products)}
    return JSONResponse(answer)
