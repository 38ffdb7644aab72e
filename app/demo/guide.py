"""What `yingshang demo` says when everything is loaded: tokens, and six things to try by copy and paste."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.demo.city import DemoCity
from app.demo.enterprises import enterprises
from app.demo.loader import REGION
from app.demo.logins import enterprise_login, login_of
from authz.roles import Role

DEPARTMENT = "market_regulation"
"""Whose handler the guide signs in: the department with the most to do."""

_HEADERS = "-H 'content-type: application/json' -H 'accept-language: zh-CN'"


@dataclass(frozen=True, slots=True)
class Cast:
    """The three people of the guide, by login."""

    enterprise: str
    dispatcher: str
    handler: str

    @property
    def logins(self) -> list[str]:
        return [self.enterprise, self.dispatcher, self.handler]


def cast_of(city: DemoCity) -> Cast:
    """The user of the city's first enterprise, its dispatcher, and a handler of the department with the most to do."""
    first = next(enterprises(city, 0, 1))
    return Cast(
        enterprise=enterprise_login(first.credit_code),
        dispatcher=login_of(Role.DISPATCHER, city.path),
        handler=login_of(Role.HANDLER, f"{city.path}.{DEPARTMENT}"),
    )


def guide(
    url: str,
    city: DemoCity,
    neighbour: DemoCity,
    cast: Cast,
    tokens: Mapping[str, str],
    *,
    today: date,
    hours: int,
    program: str,
) -> str:
    """The text, ready to be pasted into a shell piece by piece.

    `url` is the endpoint, `program` how this command line is called from where the reader stands.
    """
    department = f"{city.path}.{DEPARTMENT}"
    desk = login_of(Role.INTAKE_AGENT, city.path)
    region = login_of(Role.OFFICE, REGION[0])
    since = f"{today.year - 1}-{today.month:02}"
    return f"""
Three people of {city.name}, signed in for {hours} hours; paste this into the shell that you will use:

export URL={url}
# {cast.enterprise}
export ENTERPRISE={tokens[cast.enterprise]}
# {cast.dispatcher}
export DISPATCHER={tokens[cast.dispatcher]}
# {cast.handler}
export HANDLER={tokens[cast.handler]}

Six things to try

1. Look around: open {url} in a browser. The page asks for a token: take any of the three.

2. Watch the city's board live, in a second shell (paste the tokens there too):

curl -sN $URL -H "authorization: Bearer $DISPATCHER" {_HEADERS} -H 'accept: text/event-stream' -d '{
        _json(
            f'subscription {{ ticketFeed(within: "{city.path}") {{ cursor'
            " node { type at toStatus ticket { number title statusLabel } } } }"
        )
    }'

3. Report a problem as the enterprise, and keep its id:

export TICKET=$(curl -s $URL -H "authorization: Bearer $ENTERPRISE" {_HEADERS} -d '{
        _json(
            "mutation { ticketSubmit(input: {category: HELP, channel: WEB,"
            ' title: "营业执照变更一直没有结果", body: "变更申请提交三周，系统一直显示审核中，请帮助核实。"})'
            " { ticket { id number statusLabel } userErrors { code message } } }"
        )
    }' | tee /dev/stderr | grep -o '"id":"T_[^"]*' | cut -d'"' -f4); echo

4. Work it through as the city's staff: the desk accepts, the dispatcher dispatches, the department signs and replies.

export DESK=$({program} token --user {desk})
{_step("DESK", "ticketAccept", "")}
{_step("DISPATCHER", "ticketDispatch", f', lead: "{department}"')}
{_step("HANDLER", "ticketAcknowledge", "")}
{_step("HANDLER", "ticketResolve", ', reply: "已核实并办结，新执照可以领取。"')}

5. Ask for the neighbour: to somebody of {city.name}, there is no {neighbour.name}.

curl -s $URL -H "authorization: Bearer $DISPATCHER" {_HEADERS} -d '{
        _json(f'{{ tickets(within: "{neighbour.path}", first: 1) {{ totalCount edges {{ node {{ number }} }} }} }}')
    }'; echo

6. Ask as the office of a region what its cities have released of the last year: small numbers are withheld.

export REGION=$({program} token --user {region})
curl -s $URL -H "authorization: Bearer $REGION" {_HEADERS} -d '{
        _json(
            f'{{ regionAggregates(within: "{REGION[0]}", fromMonth: "{since}", toMonth: "{today:%Y-%m}", by: CITY)'
            " { label measureLabel numerator denominator rate withheld } }"
        )
    }'; echo

Everybody else: {program} demo --list-logins, and {program} token --user LOGIN.
"""


def _step(person: str, mutation: str, arguments: str) -> str:
    """One verb on `$TICKET` by one person, as a command."""
    query = (
        f"mutation($id: ID!) {{ {mutation}(input: {{ticketId: $id{arguments}}})"
        " { ticket { statusLabel allowedActions } userErrors { code message } } }"
    )
    body = _json(query)[:-1] + ',"variables":{"id":"\'$TICKET\'"}}'
    return f"""curl -s $URL -H "authorization: Bearer ${person}" {_HEADERS} -d '{body}'; echo"""


def _json(query: str) -> str:
    """The body of a request; our queries hold no character but quotes that JSON escapes."""
    return '{"query":"' + query.replace('"', '\\"') + '"}'
