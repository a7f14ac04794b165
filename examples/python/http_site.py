import asyncio

import bine
from bine import http

router = http.Router()


@router.get("/users/{id}")
async def user(request):
    await asyncio.sleep(0)  # a database, perhaps
    if request.params["id"] != "7":
        raise http.HTTPError(404, "there is only user 7")
    return {"id": 7, "name": request.query.get("name", "nobody")}


@router.post("/upper", stream=True)
async def upper(request):
    async for piece in request:
        yield piece.upper()


async def main():
    async with await http.serve(router, "tcp:0:interface=127.0.0.1") as server:
        site = f"http://127.0.0.1:{server.address[1]}"
        answer = await http.get(f"{site}/users/7", params={"name": "bine"})
        print(answer.status, answer.headers["content-type"], answer.json())
        answer = await http.get(f"{site}/users/8")
        print(answer.status, answer.text())
        async with http.Client(timeout=10) as client:
            async with await client.post(f"{site}/upper", b"bit by bit", stream=True) as answer:
                async for piece in answer:
                    print(piece)


bine.run(main())
