"""The reader: any selection of stored types, one statement, both ways the same."""

from __future__ import annotations

from tests.schema.conftest import Api

LIFE = """
query($id: ID!, $first: Int) {
  ticket(id: $id) {
    id number status statusLabel round category secrecy version submittedAt
    city { path name } county { path } lead { name } coHandlers { path }
    enterprise { name creditCode county { name } }
    reporter { name }
    allowedActions
    timeline(first: $first) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges { cursor node { type toStatus note actor { role name tenant { path } } ticket { number } } }
    }
  }
}
"""


async def test_a_ticket_with_relations_and_timeline(api: Api) -> None:
    ticket = await api.submit(county="guangyuan.cangxi")
    data = await api.data(api.world.guangyuan.enterprise.login, LIFE, id=ticket["id"], first=5)
    shown = data["ticket"]
    assert shown["number"] == ticket["number"]
    assert shown["city"]["path"] == "guangyuan"
    assert shown["county"] == {"path": "guangyuan.cangxi"}
    assert shown["enterprise"]["creditCode"] == api.world.guangyuan.enterprise.credit_code
    assert shown["timeline"]["totalCount"] == 1
    assert shown["timeline"]["edges"][0]["node"]["type"] == "SUBMITTED"
    assert shown["allowedActions"] == ["COMMENT", "WITHDRAW"]
