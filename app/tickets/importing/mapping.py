"""How the export of a hotline calls its columns and what it writes in them; a city adds its own names in a file."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from app.kernel.errors import InvalidInput
from app.kernel.tabular import FIELD, Column, Sheet, read_table
from app.tickets.words import Satisfaction, TicketCategory, TicketChannel
from tenants.schemes.tickets import Tickets


class Standing(StrEnum):
    """How far the other platform has come with a ticket: what of its life is taken over."""

    OPEN = "OPEN"
    """Still to be handled: it begins its life here."""
    ANSWERED = "ANSWERED"
    """Handled and answered there; the follow-up is still to come."""
    CLOSED = "CLOSED"
    """Done with there."""
    DECLINED = "DECLINED"
    """Not taken in there, or taken back."""


class Name(StrEnum):
    """The columns that are read, by our names."""

    NUMBER = "number"
    RECEIVED_AT = "received_at"
    CALLED_AT = "called_at"
    TITLE = "title"
    BODY = "body"
    CATEGORY = "category"
    COUNTY = "county"
    CREDIT_CODE = "credit_code"
    ENTERPRISE = "enterprise"
    REPORTER = "reporter"
    CALLER = "caller"
    PHONE = "phone"
    CALLER_PHONE = "caller_phone"
    CONFIDENTIAL = "confidential"
    HANDLED_BY = "handled_by"
    STATUS = "status"
    ENDED_AT = "ended_at"
    REPLY = "reply"
    SATISFACTION = "satisfaction"
    FOLLOWED_UP_AT = "followed_up_at"


N = Name
COLUMNS: Mapping[str, Column] = {
    N.NUMBER: Column(("工单编号", "工单号", "工单流水号", "诉求编号", "受理编号"), required=True),
    N.RECEIVED_AT: Column(("受理时间", "登记时间", "创建时间", "受理日期")),
    N.CALLED_AT: Column(("来电时间", "诉求时间", "来件时间", "来电日期")),
    N.TITLE: Column(("诉求标题", "工单标题", "标题", "诉求主题", "主题"), required=True),
    N.BODY: Column(("诉求内容", "工单内容", "诉求描述", "问题描述", "内容"), required=True),
    N.CATEGORY: Column(("诉求类型", "工单类型", "诉求类别", "工单类别", "类型"), required=True),
    N.COUNTY: Column(("所属区县", "所属县区", "所属区域", "诉求区域", "事发区县", "区县")),
    N.CREDIT_CODE: Column(("统一社会信用代码", "信用代码")),
    N.ENTERPRISE: Column(("企业名称", "诉求企业", "市场主体名称", "经营主体名称", "单位名称")),
    N.REPORTER: Column(("联系人", "诉求人", "反映人", "联系人姓名")),
    N.CALLER: Column(("来电人", "来电人姓名", "姓名")),
    N.PHONE: Column(("联系电话", "联系方式", "手机号", "手机号码", "联系人电话")),
    N.CALLER_PHONE: Column(("来电号码", "来电电话", "主叫号码")),
    N.CONFIDENTIAL: Column(("是否保密", "保密")),
    N.HANDLED_BY: Column(("承办单位", "主办单位", "责任单位", "办理单位")),
    N.STATUS: Column(("办理状态", "工单状态", "状态")),
    N.ENDED_AT: Column(("办结时间", "答复时间", "回复时间", "办结日期")),
    N.REPLY: Column(("答复内容", "回复内容", "答复意见", "办理结果", "处理结果")),
    N.SATISFACTION: Column(("满意度", "满意度评价", "满意情况", "评价结果")),
    N.FOLLOWED_UP_AT: Column(("回访时间", "评价时间")),
}

_CATEGORIES = {
    "咨询": TicketCategory.CONSULTATION,
    "求助": TicketCategory.HELP,
    "投诉": TicketCategory.COMPLAINT,
    "举报": TicketCategory.REPORT,
    "建议": TicketCategory.SUGGESTION,
    "意见": TicketCategory.SUGGESTION,
    "意见建议": TicketCategory.SUGGESTION,
}
_STANDINGS = {
    Standing.OPEN: "待受理 待办 已受理 受理中 待派单 已派单 已转办 待签收 已签收 办理中 处理中 承办中 在办 未办结",
    Standing.ANSWERED: "已办结 办结 已答复 已回复 已完成 待回访 待评价",
    Standing.CLOSED: "已归档 归档 已结案 结案 已关闭 已回访 已评价",
    Standing.DECLINED: "不予受理 已退回 已撤单 已撤诉 已作废 无效工单",
}
_LEVELS = {
    Satisfaction.VERY_SATISFIED: "非常满意 很满意",
    Satisfaction.SATISFIED: "满意",
    Satisfaction.NEUTRAL: "基本满意 一般",
    Satisfaction.UNSATISFIED: "不满意",
    Satisfaction.VERY_UNSATISFIED: "非常不满意 很不满意",
}
_UNRATED = frozenset({"未评价", "未回访", "无", "-"})


class ImportMapping(BaseModel):
    """What a city says of its export, where it differs from what is usual: headings, and words in cells."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    platform: str = "12345"
    channel: TicketChannel = TicketChannel.HOTLINE
    columns: dict[Name, str] = {}
    """Our name of a column to the heading in the file."""
    categories: dict[str, TicketCategory] = {}
    statuses: dict[str, Standing] = {}
    satisfaction: dict[str, Satisfaction] = {}
    counties: dict[str, str] = {}
    """What the file calls a county to its tenant path."""

    def open(self, path: Path) -> Sheet:
        """The table in the file, by the names of `Name`. Raises as `kernel.tabular.read_table`."""
        columns: dict[str, Column] = dict(COLUMNS)
        for name, heading in self.columns.items():
            columns[name] = Column((heading,), required=True)
        sheet = read_table(path, columns)
        if N.RECEIVED_AT not in sheet.headings and N.CALLED_AT not in sheet.headings:
            raise InvalidInput(FIELD, "columns_missing", columns=COLUMNS[N.RECEIVED_AT].headings[:1])
        return sheet


def read_mapping(path: Path) -> ImportMapping:
    """The mapping in a YAML file. Raises OSError, and `InvalidInput` `syntax` of the field `mapping`."""
    try:
        return ImportMapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput("mapping", "syntax", problem=str(error)) from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InvalidInput("mapping", "syntax", problem=wrong) from error


class Words:
    """What the words in the cells mean in one city: the usual ones, its scheme's, and the mapping's over them."""

    def __init__(self, mapping: ImportMapping, rules: Tickets, counties: Mapping[str, str | None]) -> None:
        self.categories = dict(_CATEGORIES)
        self.categories |= {category.name: TicketCategory(name) for name, category in rules.categories.items()}
        self.categories |= mapping.categories
        self.standings = {word: standing for standing, words in _STANDINGS.items() for word in words.split()}
        self.standings |= mapping.statuses
        self.levels: dict[str, Satisfaction | None] = dict.fromkeys(_UNRATED)
        self.levels |= {word: level for level, words in _LEVELS.items() for word in words.split()}
        self.levels |= {level.name: Satisfaction(level.level) for level in rules.follow_up.levels}
        self.levels |= mapping.satisfaction
        self.counties: Mapping[str, str | None] = {**counties, **mapping.counties}
