"""Products, stock, search, images."""

import hashlib
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .store import new_id
from .web import Refused, body_of, etag_of, find, need_role, number, tenant_of

MAX_IMAGE = 256 * 1024

DEPTH = {"X-Greenproof-Depth": "canned"}


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    title, price, tags = data.get("title"), data.get("price"), data.get("tags", [])
    if not isinstance(title, str) or not title.strip():
        raise Refused(422, "invalid", "title must not be empty")
    if not isinstance(price, int) or price < 0:
        raise Refused(422, "invalid", "price must be a whole number of cents")
    if not isinstance(tags, list):
        raise Refused(422, "invalid", "tags must be a list")
    return {"title": title, "price": price, "tags": tags}


async def list_products(request: Request) -> Response:
    """A page of products."""
    tenant, query = tenant_of(request), request.query_params
    tag, page, size = (
        query.get("tag"),
        number(query.get("page"), 1, 1, 10000),
        number(query.get("per_page"), 20, 1, 100),
    )
    found = [p for p in tenant.products.values() if tag is None or tag in p["tags"]]
    if query.get("sort") in {"price", "-price"}:
        found.sort(key=lambda p: p["price"], reverse=query["sort"].startswith("-"))
    else:
        found.sort(key=lambda p: p["sku"])
    start = (page - 1) * size
    headers = {"X-Total-Count": str(len(found))}
    if start + size < len(found):
        headers["Link"] = f'</products?tag={tag or ""}&page={page + 1}&per_page={size}>; rel="next"'
    return JSONResponse({"items": found[start : start + size], "page": page, "total": len(found)}, headers=headers)


async def create_product(request: Request) -> Response:
    """A new product."""
    tenant, data = tenant_of(request), await body_of(request)
    need_role(request, "admin")
    sku = data.get("sku")
    if not isinstance(sku, str) or not sku:
        raise Refused(422, "invalid", "sku must not be empty")
    if sku in tenant.products:
        raise Refused(409, "duplicate", f"{sku} is there already")
    tenant.products[sku] = {"sku": sku, **_checked(data), "version": 1}
    tenant.stock[sku] = int(data.get("stock", 0))
    return JSONResponse(tenant.products[sku], 201, headers={"Location": f"/products/{sku}"})


async def get_product(request: Request) -> Response:
    """One product, with its validator."""
    product = find(tenant_of(request).products, request.path_params["sku"], "product")
    tag = etag_of(product)
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return JSONResponse(product, headers={"ETag": tag})


async def put_product(request: Request) -> Response:
    """Change a product, if it is still the one that the client saw."""
    tenant, sku, data = tenant_of(request), request.path_params["sku"], await body_of(request)
    need_role(request, "admin")
    product = find(tenant.products, sku, "product")
    wanted = request.headers.get("if-match")
    if wanted is None:
        raise Refused(428, "precondition_required", "If-Match is needed")
    if wanted not in {"*", etag_of(product)}:
        raise Refused(412, "precondition_failed", "the product was changed meanwhile")
    product.update(_checked(data), version=product["version"] + 1)
    return JSONResponse(product, headers={"ETag": etag_of(product)})


async def delete_product(request: Request) -> Response:
    """Take a product off the shelf."""
    tenant, sku = tenant_of(request), request.path_params["sku"]
    need_role(request, "admin")
    find(tenant.products, sku, "product")
    del tenant.products[sku]
    tenant.stock.pop(sku, None)
    return Response(status_code=204)


async def search(request: Request) -> Response:
    """Products whose title or tags hold all words."""
    tenant, words = tenant_of(request), request.query_params.get("q", "").lower().split()
    if request.query_params.get("sample") == "1":
        return JSONResponse({"hits": [{"sku": "SAMPLE-1", "title": "Sample lamp", "score": 1.0}], "count": 1}, headers=DEPTH)
    if not words:
        raise Refused(422, "invalid", "q must not be empty")
    hits = []
    for product in tenant.products.values():
        text = " ".join([product["title"], product["sku"], *product["tags"]]).lower()
        if all(word in text for word in words):
            score = sum(text.count(word) for word in words)
            hits.append({"sku": product["sku"], "title": product["title"], "price": product["price"], "score": score})
    hits.sort(key=lambda hit: (-hit["score"], hit["sku"]))
    return JSONResponse({"hits": hits[:50], "count": len(hits)})


async def get_stock(request: Request) -> Response:
    """How many there are."""
    sku = request.path_params["sku"]
    return JSONResponse({"sku": sku, "available": find(tenant_of(request).stock, sku, "product")})


async def adjust_stock(request: Request) -> Response:
    """More or fewer."""
    tenant, sku, data = tenant_of(request), request.path_params["sku"], await body_of(request)
    before, delta = find(tenant.stock, sku, "product"), data.get("delta")
    if not isinstance(delta, int):
        raise Refused(422, "invalid", "delta must be a whole number")
    if before + delta < 0:
        raise Refused(409, "negative_stock", "there are not so many")
    tenant.stock[sku] = before + delta
    return JSONResponse({"sku": sku, "before": before, "available": before + delta})


async def upload_image(request: Request) -> Response:
    """Keep an image of a product."""
    tenant, sku = tenant_of(request), request.path_params["sku"]
    find(tenant.products, sku, "product")
    form = await request.form()
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise Refused(422, "invalid", "a file is needed")
    data = await upload.read()
    if len(data) > MAX_IMAGE:
        raise Refused(413, "too_large", "the image is too large")
    if not (upload.content_type or "").startswith("image/"):
        raise Refused(415, "not_an_image", "only images are taken")
    file_id = new_id("file")
    entry = {
        "id": file_id,
        "sku": sku,
        "name": upload.filename,
        "content_type": upload.content_type,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    tenant.files[file_id] = {**entry, "data": data}
    return JSONResponse(entry, 201, headers={"Location": f"/files/{file_id}"})


async def get_file(request: Request) -> Response:
    """The bytes of an image."""
    entry = find(tenant_of(request).files, request.path_params["id"], "file")
    return Response(entry["data"], media_type=entry["content_type"])
