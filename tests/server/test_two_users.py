"""Two users who share nothing: whatever belongs to one is not there for the other."""

from __future__ import annotations

import re

from midwatch.server.accounts.gate import OPEN
from tests.support.routes import routes
from tests.support.site import Site

BODIES: dict[tuple[str, str], object] = {
    ("PATCH", "/api/v1/users/{user_id}"): {"disabled": True},
    ("PATCH", "/api/v1/repositories/{repository_id}"): {"name": "taken"},
    ("PUT", "/api/v1/roles/{user_id}"): {"role": "admin"},
    ("PUT", "/api/v1/repositories/{repository_id}/roles/{user_id}"): {"role": "admin"},
}
"""What a route takes that changes something. A new route with an id in it fails here until it has a body."""


async def test_every_object_of_one_is_404_for_the_other_on_every_route_with_an_id_in_it(site: Site) -> None:
    api = "/api/v1"
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada, site.signed_in("bob") as bob:
        made = await root.post(f"{api}/repositories", json={"name": "one", "location": "https://git.test/one"})
        repository = made.json()["id"]
        await root.put(f"{api}/repositories/{repository}/roles/ada", json={"role": "admin"})
        token = (await ada.post(f"{api}/tokens", json={"name": "hers"})).json()["id"]
        user = (await ada.get(f"{api}/me")).json()["id"]
        hers = {"user_id": user, "token_id": token, "repository_id": repository}

        walked = []
        for method, path in routes(site.app):
            names = re.findall(r"\{(\w+)(?::\w+)?\}", path)
            if not names or path in OPEN:
                continue
            unknown = [name for name in names if name not in hers]
            assert unknown == [], f"{path}: say in this test what {unknown} of another user is"
            concrete = path.format(**hers)
            body = BODIES.get((method, path))
            assert body is not None or method in ("GET", "DELETE"), f"{method} {path}: give it a body in this test"
            answer = await bob.request(method, concrete, json=body)
            nothing = path.format(**{**hers, **dict.fromkeys(names, "0" * 20)})
            absent = await bob.request(method, nothing, json=body)
            assert answer.status_code == 404, (method, path, answer.text)
            assert absent.text == answer.text, "the words must not tell what there is from what there is not"
            walked.append((method, path))
        assert len(walked) >= 11

        for path in ("users", "tokens", "repositories", "roles", "audit"):  # and lists have nothing of it
            shown = (await bob.get(f"{api}/{path}")).text
            assert not {user, token, repository} & set(re.findall(r"[0-9a-f]{20}", shown)), path
        assert (await ada.get(f"{api}/tokens/{token}")).status_code == 200  # all is still there
        assert (await ada.get(f"{api}/repositories/{repository}")).json()["name"] == "one"
