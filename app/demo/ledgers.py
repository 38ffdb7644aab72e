"""The demonstration's ledgers: rectification tasks, a work plan, inspections, broken promises and reports.

Made by the verbs' own functions, each at its moment of the past months, and by what the workers do between them: so it
is what the product would have made of it. The texts are invented, and people are named by their office.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import CompoundSelect, select, text, union
from sqlalchemy.ext.asyncio import AsyncSession

from app.demo.city import DemoCity, DemoKind, DemoTenant, demo_id
from app.demo.enterprises import DemoEnterprise
from app.demo.logins import login_id, login_of
from app.demo.tickets import office_time
from app.integrity.actions.clear import clear
from app.integrity.actions.confirm import confirm
from app.integrity.actions.dismiss import dismiss
from app.integrity.actions.open_entry import open_entry
from app.integrity.actions.record_instalment import record_instalment
from app.integrity.actions.reverse_instalment import reverse_instalment
from app.integrity.models import IntegrityInstalment, Report
from app.integrity.reports.job import chase_reports, draft_reports, warn_of_reports
from app.integrity.reports.steps import accept_report, return_report, submit_report
from app.integrity.words import ReportStatus
from app.kernel.events import SEQUENCER_LOCK
from app.kernel.unit_of_work import UnitOfWork
from app.rectification.actions.accept import accept
from app.rectification.actions.close import close
from app.rectification.actions.complete_milestone import complete_milestone
from app.rectification.actions.issue import Draft, issue
from app.rectification.actions.plan import MilestoneDraft, plan
from app.rectification.actions.publish_plan import publish_plan
from app.rectification.actions.record_inspection import record_inspection
from app.rectification.actions.reject import reject
from app.rectification.actions.reopen import reopen
from app.rectification.actions.report_progress import report_progress
from app.rectification.actions.submit import submit
from app.rectification.events import record_overdue
from app.rectification.models import Inspection, RectificationTask, WorkPlan
from app.rectification.words import FindingSeverity, InspectionMode
from app.supervision.models import SupervisionNotice
from app.tickets.models import Ticket
from app.tickets.words import SecrecyLevel, TicketCategory, TicketStatus
from authz.actor import Actor, ActorGrant
from authz.policy import load_policy
from authz.roles import Role
from tenants.schemes.words import IntegrityKind, Period, RectificationSource
from tenants.tree import TenantTree

R = RectificationSource
K = IntegrityKind
_DAY: Final = 24 * 3600
_SHANGHAI: Final = timedelta(hours=8)
PERSON: Final = "分管负责人"
SPONSOR: Final = "联系市领导"


class Road(NamedTuple):
    """How far a task has come: the verbs, and how many days ago each was done."""

    issued: int
    steps: Sequence[tuple[str, int]]


ROADS: Final = {
    "fresh": Road(4, ()),
    "planned": Road(26, (("plan", 21), ("milestone", 12), ("progress", 6))),
    "overdue": Road(95, (("plan", 88), ("milestone", 70), ("progress", 62), ("progress", 30))),
    "submitted": Road(45, (("plan", 40), ("milestone", 24), ("milestone", 11), ("submit", 5))),
    "accepted": Road(
        64, (("plan", 58), ("milestone", 40), ("progress", 33), ("milestone", 22), ("submit", 18), ("accept", 9))
    ),
    "rejected": Road(60, (("plan", 55), ("milestone", 41), ("milestone", 30), ("submit", 26), ("reject", 14))),
    "closed": Road(
        130, (("plan", 124), ("milestone", 110), ("milestone", 95), ("submit", 90), ("accept", 84), ("close", 80))
    ),
    "reopened": Road(
        118,
        (
            *(("plan", 112), ("milestone", 98), ("milestone", 86), ("submit", 82), ("accept", 76), ("close", 70)),
            *(("reopen", 18), ("progress", 7)),
        ),
    ),
}  # fmt: skip


class Problem(NamedTuple):
    """An item of the problem ledger: where it comes from, whose it is (the first slug that the city has), and what."""

    source: RectificationSource
    road: str
    slugs: tuple[str, ...]
    title: str
    problem: str
    cause: str
    measures: str


PROBLEMS: Final = (
    Problem(R.PROBLEM_LIST, "planned", ("government_services", "business_environment"), "企业开办材料一次性告知不到位",
            "多家企业反映窗口未出具一次性告知单，往返多次。", "窗口人员轮换频繁，告知单模板未更新。",
            "统一告知单模板，上线电子告知，窗口负责人每日抽查三件。"),
    Problem(R.PROBLEM_LIST, "overdue", ("housing", "housing_construction"), "施工许可并联审批环节超时",
            "并联审批平均用时超过承诺时限四个工作日。", "图审意见反馈没有时限约束。",
            "将图审反馈纳入并联审批计时，超时自动提醒并由分管负责人督办。"),
    Problem(R.PROBLEM_LIST, "submitted", ("market_regulation",), "涉企检查未按清单扫码备案",
            "抽查发现部分检查事前未备案，企业端查不到记录。", "基层所对扫码要求掌握不一。",
            "开展专题培训，未扫码的检查一律不得上门，按月通报。"),
    Problem(R.PROBLEM_LIST, "fresh", ("natural_resources",), "不动产登记跨窗口办理需重复提交材料",
            "抵押与转移登记分窗口办理，企业需提交两套材料。", "两个系统之间数据未共享。",
            "打通系统接口，合并收件环节。"),
    Problem(R.AUDIT, "accepted", ("finance",), "惠企资金拨付周期过长",
            "审计发现部分奖补资金从审核通过到拨付超过三十日。", "资金计划下达与审核脱节。",
            "建立资金池台账，审核通过后次日推送拨付指令。"),
    Problem(R.AUDIT, "closed", ("public_resources", "government_services"), "投标保证金退还不及时",
            "抽查的十二个项目中有五个未在时限内退还保证金。", "退还需人工发起，缺少到期提醒。",
            "系统到期自动退还，逾期计息并公示。"),
    Problem(R.RANKING, "rejected", ("transport",), "营商环境评价末位专项整改",
            "本轮评价中问题解决得分居末位。", "工单答复模板化，未解决企业实际困难。",
            "班子成员包案，逐件回访近半年的不满意工单。"),
    Problem(R.RANKING, "closed", ("urban_management",), "外摆经营管理一刀切问题整改",
            "商户对外摆管理意见集中，评价靠后。", "划线标准不统一，执法方式单一。",
            "按街区公布外摆时段和区域，推行首违不罚清单。"),
    Problem(R.BAD_RATING, "planned", ("tax",), "办税服务厅排队时间长引发差评",
            "征期内平均等候四十分钟，连续出现差评。", "预约号源与现场号源分配不合理。",
            "增设潮汐窗口，公布实时等候人数。"),
    Problem(R.BAD_RATING, "reopened", ("human_resources", "social_security"), "社保窗口服务态度差评",
            "企业经办人反映窗口解释不耐烦、推诿。", "考核只看办件量，不看评价。",
            "把评价结果纳入月度考核，设置值班长现场调解。"),
)  # fmt: skip

PLANNED: Final = (
    (3, ("drc",), "出台优化营商环境年度行动方案", "形成任务清单并分解到责任单位。", "closed"),
    (6, ("government_services", "business_environment"), "“一件事一次办”扩面", "新增二十个“一件事”。", "accepted"),
    (6, ("market_regulation",), "涉企检查“综合查一次”", "同一企业的检查合并实施，频次下降三成。", "submitted"),
    (9, ("housing", "housing_construction"), "工程建设审批再压缩", "一般项目审批不超过四十个工作日。", "overdue"),
    (9, ("finance",), "惠企政策免申即享扩面", "免申即享事项占比达到六成。", "planned"),
    (11, ("natural_resources",), "工业用地“标准地”出让", "省级以上园区全部实行“标准地”。", "planned"),
    (12, ("justice",), "涉企行政执法案卷评查", "年内评查案卷不少于三百件，问题全部整改。", "fresh"),
    (12, ("transport",), "货运通行便利化", "通行证全程网办，限行路段优化。", "fresh"),
)  # fmt: skip
"""Of the yearly work plan: by the end of which month, whose, what, its goal, and how far it is."""

INSPECTIONS: Final = (
    (100, InspectionMode.OPEN, ("government_services", "business_environment"), "明察组第一组",
     "对政务大厅综合窗口开展现场检查，随机体验六个事项。",
     (("叫号系统显示与实际窗口不符", "三个窗口显示开放但无人值守。", FindingSeverity.SERIOUS, "closed"),
      ("帮办代办岗位职责未上墙", "企业不清楚帮办服务范围。", FindingSeverity.MINOR, "accepted"))),
    (47, InspectionMode.UNDERCOVER, ("market_regulation",), "暗访组第二组",
     "以办事企业身份体验食品经营许可变更。",
     (("口头要求补充清单外材料", "窗口要求提供房东身份证复印件，清单内没有。", FindingSeverity.GRAVE, "submitted"),)),
    (12, InspectionMode.UNDERCOVER, ("tax",), "暗访组第一组",
     "拨打咨询电话并到厅办理发票增量。",
     (("咨询电话多次无人接听", "工作时间拨打八次，接通两次。", FindingSeverity.SERIOUS, "fresh"),)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done at a moment."""

    at: datetime
    do: Callable[[UnitOfWork], Awaitable[Any]]


async def has_ledgers(session: AsyncSession, city: DemoCity) -> bool:
    """Whether they were made before: the first inspection has a fixed id."""
    first = select(Inspection.id).where(Inspection.city_id == city.id, Inspection.id == _inspection(city, 0))
    return await session.scalar(first) is not None


async def make_ledgers(
    session: AsyncSession, tree: TenantTree, city: DemoCity, enterprises: Sequence[DemoEnterprise], *, now: datetime
) -> None:
    """Fill the ledgers of a city that has none; the transaction is bound to the city, and as its owner's sees all."""
    making = _Making(session, tree, city, enterprises, now)
    acts = [act async for act in _all_of(making)]
    for act in sorted((act for act in acts if act.at <= now), key=lambda act: act.at):
        await making.catch_up(act.at)
        await making.take(act)
    await making.catch_up(now)
    await session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": SEQUENCER_LOCK})
    await session.execute(_NUMBER, {"city": city.id})


async def _all_of(making: _Making) -> Any:
    for acts in (making.tasks, making.work_plan, making.inspections, making.integrity, making.reports):
        for act in await acts():
            yield act


class _Making:
    """One city's ledgers in the making."""

    def __init__(
        self,
        session: AsyncSession,
        tree: TenantTree,
        city: DemoCity,
        enterprises: Sequence[DemoEnterprise],
        now: datetime,
    ) -> None:
        self.session, self.tree, self.city, self.enterprises, self.now = session, tree, city, enterprises, now

    async def take(self, act: Act) -> None:
        """Do it, as a request of its own would."""
        uow = UnitOfWork(self.session, city_id=self.city.id, now=act.at, tree=self.tree)
        await act.do(uow)
        await self.session.flush()
        await uow.flush_events()

    async def catch_up(self, until: datetime) -> None:
        """What the workers did by then: each task told of that passed its date, each report that was nearly due, or
        not there when it was."""
        overdue = select(RectificationTask).where(
            RectificationTask.city_id == self.city.id,
            RectificationTask.running,
            RectificationTask.overdue_at.is_(None),
            RectificationTask.due_at < until - _SECOND,
        )
        for task in (await self.session.scalars(overdue.order_by(RectificationTask.due_at))).all():
            await self.take(Act(task.due_at + _SECOND, partial(_tell_of_task, task=task)))
        waiting = (
            Report.city_id == self.city.id,
            Report.chased_at.is_(None),
            Report.status.in_((ReportStatus.DUE.value, ReportStatus.RETURNED.value)),
        )
        moments: CompoundSelect[Any] = union(
            select(Report.warn_at).where(*waiting, Report.warned_at.is_(None), Report.warn_at < until - _SECOND),
            select(Report.due_at).where(*waiting, Report.due_at < until - _SECOND),
        )
        for moment in sorted((await self.session.scalars(moments)).all()):
            await self.take(Act(moment + _SECOND, _tell_of_reports))

    # Who and when

    def actor(self, role: Role, tenant: DemoTenant) -> Actor:
        """The demonstration's person of that role at that tenant."""
        login = login_of(role, tenant.path)
        grant = ActorGrant(role, self.city.id, tenant.id, tenant.kind, tenant.county_id)
        return Actor(login_id(login), login, login, self.city.id, 1, (grant,), load_policy())

    @property
    def office(self) -> Actor:
        return self.actor(Role.OFFICE, self.city.root)

    def department(self, slugs: Sequence[str], number: int = 0) -> DemoTenant:
        """The first of these that the city has, or else some other."""
        departments = self.city.departments
        known = next((departments[slug] for slug in slugs if slug in departments), None)
        return known or list(departments.values())[number % len(departments)]

    def ago(self, days: int, *, hours: float = 0.0) -> datetime:
        """A moment inside office hours, so many days ago and some hours later."""
        return datetime.fromtimestamp(office_time(int(self.now.timestamp() - days * _DAY + hours * 3600)), UTC)

    def day(self, at: datetime) -> date:
        """The city's day of a moment."""
        return (at + _SHANGHAI).date()

    # Tasks

    async def tasks(self) -> list[Act]:
        """The problem ledger: items of every source and state, some of them from notices."""
        acts = []
        for number, item in enumerate(PROBLEMS):
            lead = self.department(item.slugs, number)
            helper = self.department(("justice",), number + 1)
            draft = Draft(
                *(item.title, item.problem, lead.path, () if helper is lead else (helper.path,)),
                goal="问题全部整改到位，建立长效机制。",
                sponsor=SPONSOR,
            )
            task_id = demo_id(self.city.path, DemoKind.TASK, number)
            road = ROADS[item.road]
            acts.append(self._issue(self.ago(road.issued), draft, item.source, task_id))
            acts += self._road(road, lead, task_id, item.cause, item.measures)
        acts += await self._tasks_of_notices()
        return acts

    async def _tasks_of_notices(self) -> list[Act]:
        notices = select(SupervisionNotice.id, SupervisionNotice.addressee_id, SupervisionNotice.number).where(
            SupervisionNotice.city_id == self.city.id,
            SupervisionNotice.level == 2,
            ~SupervisionNotice.restricted,
            SupervisionNotice.status.in_(("REPLIED", "CLOSED")),
            SupervisionNotice.issued_at < self.ago(140),
        )
        acts = []
        tenants = {tenant.id: tenant for tenant in self.city.tenants}
        rows = (await self.session.execute(notices.order_by(SupervisionNotice.issued_at.desc()).limit(3))).all()
        for number, (row, road) in enumerate(zip(rows, ("closed", "rejected", "planned"), strict=False)):
            lead = tenants[row.addressee_id]
            draft = Draft(f"挂牌督办事项整改（{row.number}）", "整改通知书指出的问题需要系统整改。", lead.path)
            task_id = demo_id(self.city.path, DemoKind.TASK, len(PROBLEMS) + number)
            acts.append(self._issue(self.ago(ROADS[road].issued), draft, R.NOTICE, task_id, notice_id=row.id))
            acts += self._road(ROADS[road], lead, task_id, "首接责任没有落实。", "修订流转办法，专人盯办到底。")
        return acts

    def _issue(self, at: datetime, draft: Draft, source: R, task_id: uuid.UUID, **given: Any) -> Act:
        return Act(at, lambda uow: issue(uow, self.office, draft, source=source, task_id=task_id, **given))

    def _road(self, road: Road, lead: DemoTenant, task: uuid.UUID | str, cause: str, measures: str) -> list[Act]:
        """The steps of a task, which is told by its id, or by its title where its verb made the id."""
        unit, acts, places = self.actor(Role.HANDLER, lead), [], iter(range(1, 10))
        shares = iter((35, 60, 80, 90))
        for verb, days in road.steps:
            at = self.ago(days, hours=1)
            place = next(places) if verb == "milestone" else 0
            percent = next(shares) if verb == "progress" else 0

            async def step(
                uow: UnitOfWork, *, verb: str = verb, at: datetime = at, place: int = place, percent: int = percent
            ) -> None:
                id_ = task if isinstance(task, uuid.UUID) else await self._by_title(task)
                match verb:
                    case "plan":
                        today, due = self.day(at), await self._due(id_)
                        milestones = [
                            MilestoneDraft(title, max(today, min(today + timedelta(days=after), due)))
                            for title, after in (("完成自查并制定整改台账", 14), ("落实整改措施并开展回访", 28))
                        ]
                        given: dict[str, Any] = {"cause": cause, "measures": measures, "responsible_person": PERSON}
                        await plan(uow, unit, id_, milestones=milestones, **given)
                    case "milestone":
                        await complete_milestone(uow, unit, id_, place=place, note="已完成，佐证材料已归档。")
                    case "progress":
                        told = "按计划推进，已完成阶段性任务，下月重点抓回访。"
                        await report_progress(uow, unit, id_, month=self.day(at), text=told, percent=percent)
                    case "submit":
                        await submit(uow, unit, id_, result="整改措施全部落实，回访满意，申请销号。")
                    case "accept":
                        await accept(uow, self.office, id_, note="现场核验通过。")
                    case "reject":
                        due_on = self.day(self.now) + timedelta(days=15)
                        await reject(uow, self.office, id_, reason="佐证材料不足，回访仍有不满意。", due_on=due_on)
                    case "close":
                        await close(uow, self.office, id_, note="同意销号，纳入回头看。")
                    case "reopen":
                        await reopen(uow, self.office, id_, reason="回头看发现同类问题反弹。")

            acts.append(Act(at, step))
        return acts

    async def _by_title(self, title: str) -> uuid.UUID:
        """The last task of that title."""
        found: uuid.UUID = (
            await self.session.execute(
                select(RectificationTask.id)
                .where(RectificationTask.city_id == self.city.id, RectificationTask.title == title)
                .order_by(RectificationTask.issued_at.desc())
                .limit(1)
            )
        ).scalar_one()
        return found

    async def _due(self, task_id: uuid.UUID) -> date:
        due_at = select(RectificationTask.due_at).where(
            RectificationTask.city_id == self.city.id, RectificationTask.id == task_id
        )
        return self.day((await self.session.execute(due_at)).scalar_one())

    async def work_plan(self) -> list[Act]:
        """The list of the year's tasks, unless somebody has published one."""
        at = self.ago(135, hours=-1)
        year = self.day(at).year
        there = select(WorkPlan.id).where(
            WorkPlan.city_id == self.city.id, WorkPlan.tenant_id == self.city.id, WorkPlan.year == year
        )
        if await self.session.scalar(there) is not None:
            return []
        drafts, acts = [], []
        for number, (month, slugs, title, goal, road) in enumerate(PLANNED):
            lead = self.department(slugs, number)
            end = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)  # “…月底前”
            due_on = max(end, self.day(at) + timedelta(days=60))
            drafts.append(
                Draft(title, f"{month}月底前完成:{goal}", lead.path, goal=goal, due_on=due_on, sponsor=SPONSOR)
            )
            steps = [step for step in ROADS[road].steps if step[1] < 130]
            acts += self._road(Road(135, steps), lead, title, "年度重点任务。", "制定实施方案，按季度调度。")
        given: dict[str, Any] = {
            "within": self.city.path,
            "year": year,
            "title": f"{year}年优化营商环境重点任务清单",
            "tasks": drafts,
        }
        return [Act(at, lambda uow: publish_plan(uow, self.office, **given)), *acts]

    async def inspections(self) -> list[Act]:
        """Announced and undercover ones; what they found are tasks."""
        acts = []
        for number, (days, mode, slugs, inspectors, summary, found) in enumerate(INSPECTIONS):
            tenant = self.department(slugs, number)
            at = self.ago(days, hours=-2)
            findings = [(Draft(title, problem, tenant.path), severity) for title, problem, severity, _ in found]
            given: dict[str, Any] = {
                "tenant": tenant.path,
                "day": self.day(at),
                "mode": mode,
                "inspectors": inspectors,
                "summary": summary,
                "findings": findings,
                "inspection_id": _inspection(self.city, number),
            }
            by = self.actor(Role.SUPERVISION_OFFICER, self.city.root)
            acts.append(Act(at, partial(record_inspection, actor=by, **given)))
            for title, _, _, road in found:
                steps = [(verb, ago * days // (ROADS[road].issued + 1)) for verb, ago in ROADS[road].steps]
                acts += self._road(Road(days, steps), tenant, title, "日常管理不到位。", "立行立改，纳入日常巡查。")
        return acts

    # The integrity ledger

    async def integrity(self) -> list[Act]:
        """Entries of all kinds and states, with instalments, of which one was taken back."""
        kinds = {each.kind for each in self.city.scheme.supervision.integrity.kinds}
        complaint = select(Ticket.id).where(
            Ticket.city_id == self.city.id,
            Ticket.category == TicketCategory.COMPLAINT.value,
            Ticket.secrecy == SecrecyLevel.NORMAL.value,
            Ticket.enterprise_id.is_not(None),
            Ticket.status.in_((TicketStatus.CLOSED.value, TicketStatus.RESOLVED.value)),
            Ticket.submitted_at < self.ago(45),
        )
        ticket_id = await self.session.scalar(complaint.order_by(Ticket.submitted_at.desc()).limit(1))
        owners = [each.id for each in self.enterprises]
        entries: list[tuple[K, int, str, tuple[str, ...], dict[str, Any], Sequence[tuple[str, int, Any]]]] = [
            (K.ARREARS, 210, "园区道路工程尾款拖欠", ("housing", "transport"), {"amount": "1860000.00"},
             (("confirm", 200, None), ("pay", 150, "600000.00"), ("pay", 90, "500000.00"), ("pay", 30, "260000.50"))),
            (K.ARREARS, 160, "办公设备采购款拖欠", ("education",), {"amount": "248600.00"},
             (("confirm", 155, None), ("pay", 120, "248600.00"))),
            (K.ARREARS, 75, "信息化项目验收后未付款", ("government_services",), {"amount": "735000.00"},
             (("confirm", 70, None), ("pay", 40, "200000.00"), ("take back", 38, None), ("pay", 36, "120000.00"))),
            (K.ARREARS, 9, "绿化养护费用拖欠", ("urban_management",), {"amount": "96500.00"}, ()),
            (K.UNKEPT_PROMISE, 140, "招商协议约定的厂房租金补贴未兑现", ("cooperation", "commerce"), {},
             (("confirm", 133, None), ("clear", 45, "补贴已全额拨付，企业书面确认。"))),
            (K.UNKEPT_PROMISE, 52, "承诺的配套道路未按期建成", ("housing", "transport"), {}, (("confirm", 44, None),)),
            (K.OVERDUE_ENFORCEMENT_PAYMENT, 120, "生效判决确定的工程款逾期未履行", ("water",), {"amount": "3120000.00"},
             (("confirm", 112, None), ("pay", 60, "1000000.00"))),
            (K.IMPROPER_ENFORCEMENT, 66, "超范围查封企业设备", ("emergency",), {},
             (("dismiss", 58, "经复核，查封范围与裁定一致，不属于不当执行。"),)),
            (K.BLACKLISTED_INTERMEDIARY, 85, "环评机构出具虚假报告", (), {"organisation": "某环境技术服务机构"},
             (("confirm", 80, None),)),
        ]  # fmt: skip
        acts = []
        for number, (kind, days, title, slugs, given, steps) in enumerate(entries):
            if kind not in kinds:
                continue
            at = self.ago(days, hours=2)
            debtor = self.department(slugs, number)
            told: dict[str, Any] = {"kind": kind, "title": title}
            if "amount" in given:
                told |= {"amount": Decimal(given["amount"]), "since": self.day(at) - timedelta(days=200)}
            if "organisation" in given:
                told |= given
            else:
                told |= {"debtor": debtor.path, "creditor": owners[number % len(owners)]}
            if number == 3 and ticket_id is not None:
                told["ticket_id"] = ticket_id
            entry_id = demo_id(self.city.path, DemoKind.INTEGRITY, number)
            told["entry_id"] = entry_id
            acts.append(Act(at, partial(open_entry, actor=self.office, **told)))
            acts += [self._entry_step(entry_id, debtor, *step) for step in steps]
        return acts

    def _entry_step(self, entry_id: uuid.UUID, debtor: DemoTenant, verb: str, days: int, given: Any) -> Act:
        at = self.ago(days, hours=3)

        async def step(uow: UnitOfWork) -> None:
            match verb:
                case "confirm":
                    await confirm(uow, self.office, entry_id, note="经核实情况属实。")
                case "dismiss":
                    await dismiss(uow, self.office, entry_id, reason=given)
                case "clear":
                    await clear(uow, self.office, entry_id, note=given)
                case "pay":
                    by = self.actor(Role.HANDLER, debtor)
                    paid: dict[str, Any] = {"amount": Decimal(given), "paid_on": self.day(at), "note": "财政直接支付。"}
                    await record_instalment(uow, by, entry_id, **paid)
                case "take back":
                    last = (
                        select(IntegrityInstalment.id)
                        .where(IntegrityInstalment.city_id == self.city.id, IntegrityInstalment.entry_id == entry_id)
                        .order_by(IntegrityInstalment.recorded_at.desc())
                        .limit(1)
                    )
                    paid_id = (await uow.session.execute(last)).scalar_one()
                    reason = "银行退票，款项未实际到账。"
                    await reverse_instalment(uow, self.office, entry_id, instalment_id=paid_id, reason=reason)

        return Act(at, step)

    # Reports

    async def reports(self) -> list[Act]:
        """The drafts of the year's months, handed in and accepted; now and then late, or returned once."""
        acts = []
        today = self.day(self.now)
        month = date(today.year - 1, today.month, 1)
        number = 0
        while month <= today:
            begins = datetime(month.year, month.month, month.day, tzinfo=UTC) - _SHANGHAI + timedelta(minutes=5)
            acts.append(Act(begins, lambda uow: draft_reports(uow, self.tree)))
            first = begins + timedelta(days=2 if number % 5 else 9)
            handed_in = datetime.fromtimestamp(office_time(int(first.timestamp())), UTC)
            decided = datetime.fromtimestamp(office_time(int(handed_in.timestamp()) + 2 * _DAY), UTC)
            acts.append(Act(handed_in, lambda uow: self._hand_in(uow, ReportStatus.DUE)))
            if number % 4 == 3:
                acts.append(Act(decided, lambda uow: self._decide(uow, back=True)))
                again, at_last = decided + timedelta(hours=20), decided + timedelta(hours=24)
                acts.append(Act(again, lambda uow: self._hand_in(uow, ReportStatus.RETURNED)))
                acts.append(Act(at_last, lambda uow: self._decide(uow, back=False)))
            else:
                acts.append(Act(decided, lambda uow: self._decide(uow, back=False)))
            number += 1
            month = (month + timedelta(days=32)).replace(day=1)
        return acts

    def _left(self, report: Report) -> ReportStatus | None:
        """Where a report of the last quarter is left, by who owes it, so that a list shows every state."""
        if report.every != Period.QUARTER or report.ends_before < self.day(self.now) - timedelta(days=95):
            return None
        owing = [self.city.root, *self.city.counties]
        place = next(number for number, tenant in enumerate(owing) if tenant.id == report.tenant_id)
        return {1: ReportStatus.DUE, 2: ReportStatus.SUBMITTED, 3: ReportStatus.RETURNED}.get(place)

    async def _of_status(self, status: ReportStatus) -> Sequence[Report]:
        found = select(Report).where(Report.city_id == self.city.id, Report.status == status.value)
        return (await self.session.scalars(found.order_by(Report.due_at, Report.id))).all()

    def _holder(self, report: Report, roles: Sequence[str], place: int) -> Actor:
        tenants = {tenant.id: tenant for tenant in self.city.tenants}
        return self.actor(Role(roles[0]), tenants[place])

    async def _hand_in(self, uow: UnitOfWork, status: ReportStatus) -> None:
        told = "本期诉求总体平稳，办结率和满意率稳中有升；逾期事项已逐件督办，共性问题已列入问题清单。"
        for report in await self._of_status(status):
            if self._left(report) is status:
                continue
            by = self._holder(report, report.from_roles, report.tenant_id)
            await submit_report(uow, by, report.id, summary=told)
            await self.session.flush()

    async def _decide(self, uow: UnitOfWork, *, back: bool) -> None:
        for report in await self._of_status(ReportStatus.SUBMITTED):
            left = self._left(report)
            if left is ReportStatus.SUBMITTED:
                continue
            by = self._holder(report, report.to_roles, self.city.id)
            if back or left is ReportStatus.RETURNED:
                await return_report(uow, by, report.id, reason="请补充逾期事项的原因分析和下一步措施。")
            else:
                await accept_report(uow, by, report.id, note="同意，按程序报送。")
            await self.session.flush()


async def _tell_of_reports(uow: UnitOfWork) -> None:
    await warn_of_reports(uow)
    await chase_reports(uow)


async def _tell_of_task(uow: UnitOfWork, *, task: RectificationTask) -> None:
    record_overdue(uow, task)


def _inspection(city: DemoCity, number: int) -> uuid.UUID:
    return demo_id(city.path, DemoKind.INSPECTION, number)


_SECOND: Final = timedelta(seconds=1)
# Behind the tickets' events: nobody follows two ledgers in one order of time.
_NUMBER: Final = text("""
with fresh as (
  select id, row_number() over (order by ordinal) as place from events where city_id = :city and position is null
), numbered as (
  update events e set position = h.position + fresh.place
  from fresh, event_heads h where e.city_id = :city and e.id = fresh.id and h.city_id = :city
), head as (
  update event_heads set position = position + (select count(*) from fresh) where city_id = :city returning position
)
update supervision_cursors c set position = head.position from head where c.city_id = :city
""")
