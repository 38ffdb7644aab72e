"""Two cities with tickets in every state and of every secrecy, each made through the API as its people would.

It is told once per process and kept as a template database; a test gets a copy of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.factories.world import WorldCity
from tests.schema.conftest import Api

UNSATISFIED = {"satisfaction": "UNSATISFIED", "justified": True}


@dataclass
class Story:
    """The tickets by name: `{"id", "number"}` as the API gave them."""

    tickets: dict[str, dict[str, str]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        """The global id of a ticket."""
        return self.tickets[name]["id"]

    def number(self, name: str) -> str:
        return self.tickets[name]["number"]


class _Teller:
    def __init__(self, api: Api, city: WorldCity, story: Story, prefix: str) -> None:
        self.api = api
        self.city = city
        self.story = story
        self.prefix = prefix
        self.name = ""
        self.county = next(iter(city.counties))

    def staff(self, role: str, tenant: str = "") -> str:
        return f"{role}@{self.city.path}{'.' + tenant if tenant else ''}"

    async def publish_list(self) -> None:
        """A responsibility list of one subject, which the story's tickets speak of."""
        subject = {
            "code": "C01",
            "name": "用电报装与增容",
            "category": "要素保障",
            "department": f"{self.city.path}.commerce",
            "level": "CITY",
            "legalBasis": "《电力供应与使用条例》第二十三条",
            "keywords": ["用电报装", "增容"],
        }
        await self.api.data(
            self.staff("office"),
            "mutation($input: ResponsibilityPublishInput!) "
            "{ responsibilityPublish(input: $input) { userErrors { code } } }",
            input={"city": self.city.path, "subjects": [subject]},
        )

    async def submit(self, name: str, login: str | None = None, **given: Any) -> None:
        self.name = self.prefix + name
        login = login or self.city.enterprise.login
        given = {"title": f"{name} 用电报装", **given}
        ticket = await self.api.submit(login, **given)
        self.story.tickets[self.name] = {"id": ticket["id"], "number": ticket["number"]}

    async def then(self, login: str, verb: str, **given: Any) -> None:
        await self.api.verb(login, verb, "id", ticketId=self.story[self.name], **given)

    async def accept(self) -> None:
        await self.then(self.staff("intake_agent"), "ticketAccept")

    async def dispatch(self, lead: str = "commerce", *helpers: str) -> None:
        paths = [f"{self.city.path}.{slug}" for slug in (lead, *helpers)]
        note = "请按职责尽快办理"
        await self.then(self.staff("dispatcher"), "ticketDispatch", lead=paths[0], coHandlers=paths[1:], note=note)

    async def begin(self, *helpers: str) -> None:
        """Accepted, dispatched to commerce, acknowledged."""
        await self.accept()
        await self.dispatch("commerce", *helpers)
        await self.then(self.staff("handler", "commerce"), "ticketAcknowledge")

    async def resolve(self) -> None:
        await self.then(self.staff("handler", "commerce"), "ticketResolve", reply="已现场核实,三日内完成整改并回复。")


async def tell(api: Api) -> Story:
    """Make all of it; Guangyuan's tickets go by their state, Anshan's by `anshan.<state>`."""
    story = Story()
    for city, prefix in ((api.world.guangyuan, ""), (api.world.anshan, "anshan.")):
        t = _Teller(api, city, story, prefix)
        county = f"{city.path}.{t.county}"
        agent, dispatcher = t.staff("intake_agent"), t.staff("dispatcher")
        await t.publish_list()
        second = city.enterprises[1].login

        await t.submit("submitted", county=county)
        await t.submit("in_progress", category="COMPLAINT")
        await t.begin("finance")
        await t.then(city.enterprise.login, "ticketComment", body="请尽快联系我公司。", visibility="PUBLIC")
        await t.then(
            t.staff("handler", "commerce"), "ticketComment", body="内部:已联系供电公司。", visibility="INTERNAL"
        )
        await t.submit("confidential", second, category="REPORT", secrecy="CONFIDENTIAL", title="举报收费问题")
        await t.begin()
        await t.then(second, "ticketComment", body="补充一份材料。", visibility="PUBLIC")
        reporter = {"anonymous": True}
        await t.submit(
            "restricted", agent, category="REPORT", secrecy="RESTRICTED", reporter=reporter, title="限定知悉举报"
        )
        await t.accept()
        if prefix:
            continue

        await t.submit("accepted", channel="MINI_PROGRAM")
        await t.accept()
        await t.submit("declined")
        await t.then(agent, "ticketDecline", basis="不属于受理范围,请向仲裁机构申请。")
        await t.submit("answered", category="CONSULTATION")
        await t.then(agent, "ticketAnswer", reply="可在政务服务网在线办理,三个工作日办结。")
        await t.submit("dispatched")
        await t.accept()
        await t.dispatch("commerce", "finance", "housing")
        await t.submit("disputed")
        await t.accept()
        await t.dispatch()
        await t.then(t.staff("department_lead", "commerce"), "ticketReturn", reason="不属于本部门职责,应由财政局承办。")
        await t.submit("resolved")
        await t.begin()
        await t.resolve()
        await t.submit("closed", second)
        await t.begin()
        await t.resolve()
        await t.then(agent, "ticketFollowUp", satisfaction="VERY_SATISFIED", note="很满意")
        await t.submit("withdrawn")
        await t.then(city.enterprise.login, "ticketWithdraw", reason="问题已经解决")
        await t.submit("again")
        await t.begin()
        await t.resolve()
        await t.then(agent, "ticketFollowUp", **UNSATISFIED)
        await t.submit("escalated")
        for first in (True, False):
            if first:
                await t.begin()
            else:
                await t.then(t.staff("handler", "commerce"), "ticketAcknowledge")
            await t.resolve()
            await t.then(agent, "ticketFollowUp", **UNSATISFIED)
        handler, office = t.staff("handler", "commerce"), t.staff("office")
        await t.submit("suspended")
        await t.begin()
        await t.then(handler, "ticketFirstContact", note="已电话联系企业,约定现场查看。")
        await t.then(handler, "ticketSuspend", reason="APPLICANT_DOCUMENTS", note="等待企业补交图纸。")
        await t.submit("extending")
        await t.begin()
        await t.then(handler, "ticketExtensionRequest", workingDays=5, reason="需专家现场勘查。")
        await t.submit("extended")
        await t.begin()
        await t.then(handler, "ticketExtensionRequest", workingDays=3, reason="需等待电网停电窗口。")
        await t.then(office, "ticketExtensionDecide", approve=True, reason="同意延期。")
        await t.submit("coordinating")
        await t.begin("finance", "housing")
        await t.then(handler, "ticketCoordinationRequest", reason="涉及多部门,推进困难。")
        await t.then(t.staff("handler", "finance"), "ticketPartReport", report="补贴资金已核拨。")
        await t.submit("coordinating_above")
        await t.begin()
        await t.then(handler, "ticketCoordinationRequest", reason="涉及多部门,推进困难。")
        await t.then(office, "ticketCoordinationDecide", opinion="情况特别复杂,提请工作小组。", escalate=True)
        await t.submit("coordinating_top")
        await t.begin()
        await t.then(handler, "ticketCoordinationRequest", reason="涉及多部门,推进困难。")
        for group in (t.staff("supervision_officer"), t.staff("working_group")):
            await t.then(group, "ticketCoordinationDecide", opinion="书面报告上一级。", escalate=True)
        await t.submit("referred")
        await t.accept()
        await t.dispatch()
        await t.then(t.staff("department_lead", "commerce"), "ticketReturn", reason="职责交叉,应由财政局承办。")
        await t.then(office, "ticketRefer", reason="情况特别复杂,请工作小组研究。")
        await t.submit("terminated", second)
        await t.accept()
        closed = story[prefix + "closed"]
        await t.then(office, "ticketTerminate", basis="同一问题已依法依规办理。", handledBy=closed)
        await t.submit("transferred")
        await t.then(agent, "ticketTransfer", to="anshan", reason="该事项由鞍山市有关部门负责。")
        await t.submit("malicious")
        await t.begin()
        await t.then(office, "ticketMaliceFind", evidence="现场检查记录与所述不符。")
        await t.submit("appealed")
        await t.begin()
        await t.resolve()
        await t.then(agent, "ticketFollowUp", satisfaction="SATISFIED")
        await t.then(office, "ticketMaliceFind", evidence="所附照片系其他场所。")
        await t.then(city.enterprise.login, "ticketMaliceAppeal", reason="照片确系本厂门口。")
        await t.submit("county", county=county)
        await t.then(t.staff("intake_agent", t.county), "ticketAccept")
        await t.then(t.staff("dispatcher", t.county), "ticketDispatch", lead=f"{county}.housing")
        await t.submit("person", agent, channel="HOTLINE", reporter={"name": "李明", "phone": "13900001234"})
        await t.submit("steward", t.staff("steward"), channel="STEWARD_VISIT", reporter={"name": "王芳"})
        await t.submit(
            "monitor", t.staff("special_monitor"), category="REPORT", reporter={"name": "赵强"}, secrecy="CONFIDENTIAL"
        )
        await t.accept()
        await t.then(dispatcher, "ticketDispatch", lead=f"{city.path}.housing")
        await t.submit(
            "secret_of_enterprise", second, category="REPORT", secrecy="RESTRICTED", title="限定知悉企业举报"
        )
    return story
