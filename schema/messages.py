"""The sentences of every refusal, in the viewer's language. The domain refuses with data; the words are here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.kernel.errors import DomainError, IllegalTransition, RequestError
from app.supervision.lifecycle import NoticeAction
from app.supervision.words import NoticeStatus
from app.tickets.words import TicketCategory, TicketChannel, TicketStatus
from authz.roles import Role
from schema.context import Locale
from schema.labels import LABELS, TicketAction, label
from tenants.models import TenantKind
from tenants.schemes.words import TriggerKind

Sentence = tuple[str, str]
"""In Chinese and in English; `{names}` are filled from the error's data."""

SENTENCES: Mapping[str, Sentence] = {
    # userErrors
    "REFUSED": ("操作未被接受。", "The operation was refused."),
    "NOT_FOUND": ("没有找到该{kind}。", "There is no such {kind}."),
    "NOT_RESPONSIBLE": (
        "“{action}”这一步不由您的单位办理。",
        "The step “{action}” is not yours to take on this object.",
    ),
    "CONFLICT": (
        "内容已被他人更新:当前版本为 {current_version},您依据的是版本 {expected_version}。请刷新后重试。",
        "It has changed in the meantime: it is at version {current_version}, you acted on version "
        "{expected_version}. Read it again and retry.",
    ),
    "IDEMPOTENCY_MISMATCH": (
        "幂等键“{key}”已用于内容不同的请求。",
        "The idempotency key “{key}” was already used with other content.",
    ),
    "ILLEGAL_TRANSITION": (
        "当前状态为“{current}”,不能“{action}”。可以进行的操作:{allowed}。",
        "It is {current}; “{action}” is not possible from there. Possible: {allowed}.",
    ),
    "ILLEGAL_TRANSITION.none": (
        "当前状态为“{current}”,不能“{action}”,也没有其他可以进行的操作。",
        "It is {current}; neither “{action}” nor anything else is possible from there.",
    ),
    "INVALID_INPUT": ("“{field}”的内容不符合要求。", "The value of “{field}” is not acceptable."),
    "INVALID_INPUT.after_due": ("“{field}”晚于任务的完成时限。", "“{field}” is later than the task is due."),
    "INVALID_INPUT.already_done": ("该节点已完成。", "The milestone was completed already."),
    "INVALID_INPUT.month_reported": ("该月进展已报告。", "The progress of that month was reported already."),
    "INVALID_INPUT.no_plan": (
        "“{tenant}”不制定年度任务清单;请选择市或县(区)。",
        "“{tenant}” has no work plan of its own; a city or a county has.",
    ),
    "INVALID_INPUT.too_far": ("“{field}”不能晚于 {limit} 年之后。", "“{field}” is more than {limit} years ahead."),
    "INVALID_INPUT.unknown_milestone": ("该任务没有这个节点。", "The task has no such milestone."),
    "INVALID_INPUT.unknown_notice": ("没有找到该督办通知。", "There is no such supervision notice."),
    "INVALID_INPUT.unknown_plan": ("没有找到该任务清单。", "There is no such work plan."),
    "INVALID_INPUT.above_remaining": (
        "清偿金额超过尚欠金额 {remaining} 元。",
        "It is more than the {remaining} yuan that remain.",
    ),
    "INVALID_INPUT.already_checked": (
        "该工单已抽查,结论不能更改。",
        "The ticket was checked already; a verdict is not rewritten.",
    ),
    "INVALID_INPUT.already_issued": (
        "同一事由的督办文书 {number} 已经发出,正在等待回复。",
        "The same notice was issued already and waits for its reply: {number}.",
    ),
    "INVALID_INPUT.already_reported": ("该单位已报告协办完成。", "The department has reported its part already."),
    "INVALID_INPUT.anonymous": (
        "匿名反映时不能填写“{field}”。",
        "“{field}” must be left out when the reporter stays anonymous.",
    ),
    "INVALID_INPUT.channel_not_yours": (
        "您的角色不能通过“{value}”渠道提交。",
        "None of your roles reports by the channel “{value}”.",
    ),
    "INVALID_INPUT.before_anything": (
        "该月本市尚无可统计的数据。",
        "There is nothing to count of that month: it is before the city's first day here.",
    ),
    "INVALID_INPUT.characters": (
        "“{field}”含有不允许的字符(空字符、控制字符或不完整的字符)。",
        "“{field}” contains characters that are not allowed (NUL, control characters or lone surrogates).",
    ),
    "INVALID_INPUT.code_twice": ("编号“{code}”重复。", "The code “{code}” is there twice."),
    "INVALID_INPUT.column_twice": (
        "文件中“{column}”一列出现了两次。",
        "The file has the column “{column}” twice.",
    ),
    "INVALID_INPUT.calendar_word": (
        "应填“上班”或“休息”。",
        "It is “worked” or “off”.",
    ),
    "INVALID_INPUT.columns_missing": (
        "文件中没有找到这些列:{columns}。请检查表头。",
        "The file lacks these columns: {columns}. Look at its headings.",
    ),
    "INVALID_INPUT.day_twice": ("{day} 在文件中出现了不止一次。", "{day} stands in the file more than once."),
    "INVALID_INPUT.differs_here": (
        "与工单中已有的内容不同,未作更改。",
        "It differs from what the ticket has, which is left as it is.",
    ),
    "INVALID_INPUT.duplicate": ("“{field}”中“{tenant}”重复。", "“{field}” lists “{tenant}” twice."),
    "INVALID_INPUT.empty": ("“{field}”不能为空。", "“{field}” must not be empty."),
    "INVALID_INPUT.entered_already": (
        "该投诉已登记在诚信台账中。",
        "The complaint has its entry in the ledger already.",
    ),
    "INVALID_INPUT.enterprises_only": (
        "本市只受理企业的反映,请指明企业。",
        "The city takes in what enterprises report; name the enterprise.",
    ),
    "INVALID_INPUT.handled_here": (
        "该工单已由本市办理,来源平台的办理情况未采用。",
        "The city handles this ticket itself; what the other platform did is not taken over.",
    ),
    "INVALID_INPUT.beyond_length": (
        "上传的内容超过申报的长度 {limit} 字节。",
        "More was sent than the {limit} bytes that were announced.",
    ),
    "INVALID_INPUT.checksum": ("上传内容的校验值不符。", "What came is not what the checksum says."),
    "INVALID_INPUT.empty_file": ("文件不能为空。", "The file is empty."),
    "INVALID_INPUT.expired": ("该上传已过期,请重新上传。", "The upload has expired; please upload it anew."),
    "INVALID_INPUT.file_kind": (
        "不接收此类文件;可以上传:{allowed}。",
        "Files of this kind are not taken; these are: {allowed}.",
    ),
    "INVALID_INPUT.file_name": (
        "文件名不正确:须有名称和扩展名。",
        "The file's name is not usable: it needs a name and an extension.",
    ),
    "INVALID_INPUT.file_or_upload": (
        "“file”与“uploadId”只能填写一个。",
        "Give either “file” or “uploadId”, not both.",
    ),
    "INVALID_INPUT.file_too_large": ("文件超过 {limit} 字节。", "The file is larger than {limit} bytes."),
    "INVALID_INPUT.incomplete": ("文件尚未上传完毕。", "The upload is not complete yet."),
    "INVALID_INPUT.infected": ("文件含有恶意软件,未予接收。", "The file is infected with malware and was not taken."),
    "INVALID_INPUT.not_what_it_says": (
        "文件内容与扩展名不符。",
        "The file is not what its extension says.",
    ),
    "INVALID_INPUT.offset": (
        "续传位置不正确,请先查询已上传的长度。",
        "The upload has come to another place; ask how far with HEAD.",
    ),
    "INVALID_INPUT.too_many_files": ("每个工单最多 {limit} 个附件。", "A ticket has at most {limit} attachments."),
    "INVALID_INPUT.upload_busy": (
        "该文件正在由另一请求上传。",
        "Another request is just writing this upload.",
    ),
    "INVALID_INPUT.id_or_login": (
        "请填写用户标识或登录名之一。",
        "Give either the user's id or their login.",
    ),
    "INVALID_INPUT.in_future": ("“{field}”晚于当前时间。", "“{field}” is later than now."),
    "INVALID_INPUT.already_merged": (
        "“{field}”所指工单已并入其他工单。",
        "The ticket in “{field}” was itself merged into another.",
    ),
    "INVALID_INPUT.already_merged_into": (
        "“{field}”所指工单已并入工单 {number}。",
        "The ticket in “{field}” was itself merged into {number}.",
    ),
    "INVALID_INPUT.ended": ("“{field}”所指工单已经结束。", "The ticket in “{field}” has come to its end."),
    "INVALID_INPUT.restricted_stays": (
        "限定知悉的工单不能转办:知悉范围内的人员均在本市。",
        "A restricted ticket is not transferred: it stays with the persons who are named on it.",
    ),
    "INVALID_INPUT.not_a_city": (
        "“{tenant}”不是市或省(自治区);工单只能转给其他市或上级。",
        "“{tenant}” is no city and no region; a ticket is transferred to another city, or up to the region.",
    ),
    "INVALID_INPUT.not_sent": (
        "本地方案不允许这样转办。",
        "The scheme of this city does not transfer tickets that way.",
    ),
    "INVALID_INPUT.no_transfers_there": (
        "“{tenant}”不存在,或者不接收此类转办工单。",
        "“{tenant}” is not there, or takes no such transfers.",
    ),
    "INVALID_INPUT.was_there": (
        "该工单来自“{tenant}”或已经由其转办,不能再转回。",
        "The ticket comes from “{tenant}” or went through there, and is not transferred back.",
    ),
    "INVALID_INPUT.transfer_over": (
        "该转办已有结果(已接收、不予接收或已撤回)。",
        "The transfer is over: it was decided or withdrawn.",
    ),
    "INVALID_INPUT.too_soon_to_chase": (
        "尚未到可以催办的时间,{after} 起可以催办。",
        "It is too soon to chase; from {after} on.",
    ),
    "INVALID_INPUT.transferred": ("“{field}”所指工单已经转办。", "The ticket in “{field}” was transferred."),
    "INVALID_INPUT.less_secret": (
        "“{field}”的密级低于本工单,不能合并。",
        "“{field}” is less secret than this ticket and cannot take it in.",
    ),
    "INVALID_INPUT.own_city": (
        "工单已在本市,请另选受转办的市或自治区。",
        "The ticket is in this city already; name another one, or the region.",
    ),
    "INVALID_INPUT.itself": ("“{field}”不能是工单本身。", "“{field}” cannot be the ticket itself."),
    "INVALID_INPUT.kept_as_reporter": (
        "企业库中没有该企业(或同名企业不止一家),已按反映人登记。",
        "The registry has no such enterprise, or several of that name; it is kept as a reporter.",
    ),
    "INVALID_INPUT.last_administrator": (
        "这是该市最后一名城市管理员的授权,不能收回。",
        "This is the grant of the city's last administrator; it cannot be revoked.",
    ),
    "INVALID_INPUT.more_secret": (
        "“{field}”的密级高于本工单,不能关联。",
        "“{field}” is more secret than this ticket and cannot be linked.",
    ),
    "INVALID_INPUT.names_enterprise": (
        "匿名反映不能同时指明企业。",
        "An anonymous report cannot name an enterprise.",
    ),
    "INVALID_INPUT.needs_preset": (
        "{kind}须由预设方案开通。",
        "A {kind} is opened from a preset.",
    ),
    "INVALID_INPUT.no_coordination": ("本市的工作方案未设协调机构。", "The city’s scheme has no group to coordinate."),
    "INVALID_INPUT.no_higher_group": ("没有更上一级的协调机构。", "There is no group above this one."),
    "INVALID_INPUT.not_a_complaint": (
        "只有投诉类工单可以登记到诚信台账。",
        "Only a complaint leads to an entry of the ledger.",
    ),
    "INVALID_INPUT.not_a_county": ("“{tenant}”不是县(区)。", "“{tenant}” is not a county or district."),
    "INVALID_INPUT.not_a_table": (
        "文件不是可以读取的表格;请使用 CSV 或 Excel(.xlsx)文件。",
        "The file is no table that can be read; use CSV or Excel (.xlsx).",
    ),
    "INVALID_INPUT.not_a_time": (
        "“{field}”不是正确的日期时间,如 2026-11-22 09:30。",
        "“{field}” is no date and time, such as 2026-11-22 09:30.",
    ),
    "INVALID_INPUT.not_after": ("“{field}”须晚于起始日期。", "“{field}” must be later than the beginning."),
    "INVALID_INPUT.not_allowed": ("此处不能填写“{field}”。", "“{field}” must not be given here."),
    "INVALID_INPUT.not_below": (
        "{parent}之下不能设{kind};可以设在:{kinds}。",
        "A {kind} cannot stand below a {parent}, only below: {kinds}.",
    ),
    "INVALID_INPUT.not_by_hand": (
        "“{value}”类督办由系统自动触发,不能手工发出。",
        "A notice for “{value}” raises itself; it is not raised by hand.",
    ),
    "INVALID_INPUT.not_drawn": ("该工单不在此次抽样之列。", "The ticket is not of this sample."),
    "INVALID_INPUT.not_grantable": ("您不能授予角色 {role}。", "The role {role} is not yours to grant."),
    "INVALID_INPUT.not_handled": (
        "“{field}”所指工单尚未依法办理完毕。",
        "The ticket in “{field}” has not been handled yet.",
    ),
    "INVALID_INPUT.not_handling": (
        "“{tenant}”不办理工单。",
        "“{tenant}” does not handle tickets.",
    ),
    "INVALID_INPUT.not_over": ("该时段尚未结束。", "The period is not over yet."),
    "INVALID_INPUT.not_taken": (
        "本市的工作方案不接收“{value}”。",
        "The city's scheme does not take “{value}” here.",
    ),
    "INVALID_INPUT.not_positive": ("“{field}”必须大于零。", "“{field}” must be more than nothing."),
    "INVALID_INPUT.nothing_handled": ("该时段内没有已办理的工单可供抽查。", "No tickets were handled in that period."),
    "INVALID_INPUT.number_prefix": (
        "编号前缀“{prefix}”已被其他城市使用。",
        "The number prefix “{prefix}” already belongs to another city.",
    ),
    "INVALID_INPUT.origin_taken": (
        "来源平台“{platform}”的编号“{number}”已登记。",
        "The number “{number}” of “{platform}” is registered already.",
    ),
    "INVALID_INPUT.out_of_order": (
        "“{field}”早于前一环节的时间。",
        "“{field}” is earlier than the step before it.",
    ),
    "INVALID_INPUT.outside_reach": (
        "“{tenant}”不在您的职责范围内。",
        "“{tenant}” is outside of what you are responsible for.",
    ),
    "INVALID_INPUT.own_grant": ("不能为自己授权。", "You cannot grant roles to yourself."),
    "INVALID_INPUT.repeated": ("“{value}”填写了不止一次。", "“{value}” is given more than once."),
    "INVALID_INPUT.precision": (
        "“{field}”最多精确到小数点后 {limit} 位。",
        "“{field}” has at most {limit} digits behind the point.",
    ),
    "INVALID_INPUT.required": ("必须填写“{field}”。", "“{field}” is required."),
    "INVALID_INPUT.reversed_already": ("该笔清偿已冲回。", "The instalment was taken back already."),
    "INVALID_INPUT.secret": (
        "该工单为保密工单,不能登记到诚信台账。",
        "The ticket is secret: an entry of the ledger would tell of it.",
    ),
    "INVALID_INPUT.syntax": ("“{field}”的格式不正确。", "“{field}” is not well formed."),
    "INVALID_INPUT.taken": ("“{field}”已被使用。", "“{field}” is already taken."),
    "INVALID_INPUT.tenant_kind": (
        "角色 {role} 不能授予这一类单位({kind});可以授予:{kinds}。",
        "The role {role} makes no sense in a {kind}; it does in: {kinds}.",
    ),
    "INVALID_INPUT.too_few": ("“{field}”不能少于 {limit}。", "“{field}” must be at least {limit}."),
    "INVALID_INPUT.too_large": ("“{field}”数值过大。", "“{field}” is too large a number."),
    "INVALID_INPUT.too_long": ("“{field}”不能超过 {limit} 个字符。", "“{field}” is longer than {limit} characters."),
    "INVALID_INPUT.too_many": ("“{field}”不能超过 {limit}。", "“{field}” must be at most {limit}."),
    "INVALID_INPUT.too_short": ("“{field}”不能少于 {limit} 个字符。", "“{field}” is shorter than {limit} characters."),
    "INVALID_INPUT.unknown_encoding": (
        "无法识别文件的文字编码;请另存为 UTF-8 或 GBK。",
        "The file's encoding is not known; save it as UTF-8 or GBK.",
    ),
    "INVALID_INPUT.unknown_enterprise": ("没有找到该企业。", "There is no such enterprise."),
    "INVALID_INPUT.unknown_instalment": ("没有找到该笔清偿。", "The entry has no such instalment."),
    "INVALID_INPUT.not_a_day": ("不是日期,应如 2027-01-01。", "This is no day such as 2027-01-01."),
    "INVALID_INPUT.month_without_work": (
        "{year}年{month}月没有一个工作日,请核对哪些日子上班、哪些休息。",
        "Month {month} of {year} has no working day: please check which days are worked.",
    ),
    "INVALID_INPUT.year_not_whole": (
        "日历按整年导入:文件中有{year}年的日期,却没有该年1月1日。",
        "A year is imported whole: the file has days of {year}, and not its 1 January.",
    ),
    "INVALID_INPUT.unknown_level": (
        "处置层级应为“市级”“县(区)级”或“乡镇(街道)级”。",
        "The level is the city's, the county's or the township's.",
    ),
    "INVALID_INPUT.unknown_preset": (
        "没有名为“{preset}”的预设方案;现有:{known}。",
        "There is no preset “{preset}”; there are: {known}.",
    ),
    "INVALID_INPUT.already_released": (
        "该月数据已发布;有误的,请更正。",
        "That month was released already; correct it.",
    ),
    "INVALID_INPUT.month_syntax": ("月份应为 2026-11 这样的格式。", "A month is written like 2026-11."),
    "INVALID_INPUT.no_region": ("该市不属于任何省(自治区)。", "The city lies in no region."),
    "INVALID_INPUT.nothing_changed": ("重新统计后没有变化。", "Counted anew, nothing is different."),
    "INVALID_INPUT.no_such_region": (
        "没有找到“{region}”这一省(自治区),须先建立。",
        "There is no region “{region}”; make it first.",
    ),
    "INVALID_INPUT.not_for_regions": ("省(自治区)之上没有上级。", "A region has no region above it."),
    "INVALID_INPUT.unknown_subject": (
        "现行部门职责清单中没有该事项。",
        "The responsibility list in force has no such subject.",
    ),
    "INVALID_INPUT.unknown_tenant": ("没有找到单位“{tenant}”。", "There is no tenant “{tenant}”."),
    "INVALID_INPUT.unknown_ticket": ("没有找到该工单。", "There is no such ticket."),
    "INVALID_INPUT.unknown_word": (
        "不认识“{field}”中的“{value}”,可在对照文件中说明。",
        "The word “{value}” in “{field}” is not known; a mapping can tell what it means.",
    ),
    "INVALID_INPUT.used_up": (
        "本轮办理的延期次数({limit})已用完。",
        "The {limit} extensions of this round are used up.",
    ),
    # errors
    "BAD_REQUEST": ("请求不正确。", "The request is not well formed."),
    "BAD_REQUEST.accept": (
        "本接口返回 application/graphql-response+json、application/json 或 text/event-stream。",
        "This endpoint answers application/graphql-response+json, application/json or text/event-stream.",
    ),
    "BAD_REQUEST.batch": (
        "请求正文必须是一个 JSON 对象;不支持批量请求。",
        "The body must be one JSON object; batches are not supported.",
    ),
    "BAD_REQUEST.body_json": (
        "请求正文不是正确的 UTF-8 编码的 JSON。",
        "The body is not well-formed JSON in UTF-8.",
    ),
    "BAD_REQUEST.body_too_large": ("请求正文超过 {limit} 字节。", "The body is larger than {limit} bytes."),
    "BAD_REQUEST.content_type": (
        "POST 请求的 Content-Type 必须是 application/json(UTF-8,不压缩)。",
        "A POST request must have the Content-Type application/json (UTF-8, not compressed).",
    ),
    "BAD_REQUEST.cross_site": (
        "其他网站发起的 GET 请求须带 X-GraphQL-CSRF 请求头。",
        "A GET request from another site must carry the header X-GraphQL-CSRF.",
    ),
    "BAD_REQUEST.method": ("不支持此请求方法。", "This method is not supported."),
    "BAD_REQUEST.content_deleted": (
        "保存期限已过,附件内容已删除。",
        "The content was deleted when its retention was over.",
    ),
    "BAD_REQUEST.cut_off": ("请求在传完之前中断。", "The request was cut off before its end."),
    "BAD_REQUEST.multipart": (
        "multipart 请求须符合 GraphQL multipart request 规范:一个变更操作(operations)、map 与至多一个文件。",
        "A multipart request follows the GraphQL multipart request specification: one mutation in operations, a map, "
        "and at most one file.",
    ),
    "BAD_REQUEST.offset_stream": (
        "PATCH 请求的 Content-Type 必须是 application/offset+octet-stream。",
        "A PATCH request must have the Content-Type application/offset+octet-stream.",
    ),
    "BAD_REQUEST.range": ("请求的范围超出文件长度。", "The range lies behind the end of the file."),
    "BAD_REQUEST.tus_version": ("本接口使用 tus 1.0.0。", "This endpoint speaks tus 1.0.0."),
    "BAD_REQUEST.upload_header": ("请求头 {header} 不正确。", "The header {header} is missing or not well formed."),
    "BAD_REQUEST.mutation_by_get": ("变更操作只能用 POST 请求。", "Mutations are accepted by POST only."),
    "BAD_REQUEST.parameter": (
        "参数“{parameter}”必须是{expected_zh}。",
        "The parameter “{parameter}” must be {expected}.",
    ),
    "BAD_REQUEST.query_missing": ("缺少参数“query”。", "The parameter “query” is missing."),
    "BAD_REQUEST.query_string": ("网址中的参数不正确。", "The parameters in the URL are not well formed."),
    "BAD_REQUEST.stream_needed": (
        "订阅请通过 WebSocket(graphql-transport-ws)或以 Accept: text/event-stream 请求。",
        "Subscribe over WebSocket (graphql-transport-ws) or with Accept: text/event-stream.",
    ),
    "BAD_USER_INPUT": ("参数不正确。", "An argument cannot be read."),
    "BAD_USER_INPUT.answer_too_large": (
        "查询结果超过 {allowed} 字节:请减小分页大小,或少查询长文本字段。",
        "The answer is larger than {allowed} bytes: ask for smaller pages, or for fewer long texts.",
    ),
    "BAD_USER_INPUT.characters": (
        "文字含有不允许的字符(空字符或不完整的字符)。",
        "A text contains characters that are not allowed (NUL or lone surrogates).",
    ),
    "BAD_USER_INPUT.credit_code": (
        "统一社会信用代码“{code}”不正确。",
        "The unified social credit code “{code}” is not a valid one.",
    ),
    "BAD_USER_INPUT.cursor_against_direction": (
        "参数“{argument}”与翻页方向不一致。",
        "“{argument}” does not fit the direction of the page.",
    ),
    "BAD_USER_INPUT.document_limit": (
        "请求文档超过限制:{limit_zh}最多 {allowed}。",
        "The document is too large: at most {allowed} for {limit}.",
    ),
    "BAD_USER_INPUT.first_and_last": (
        "“first”与“last”不能同时使用。",
        "“first” and “last” cannot be used together.",
    ),
    "BAD_USER_INPUT.foreign_cursor": ("该游标属于另一个列表。", "The cursor belongs to another list or stream."),
    "BAD_USER_INPUT.id_or_credit_code": (
        "请填写标识或统一社会信用代码之一。",
        "Give either the id or the credit code.",
    ),
    "BAD_USER_INPUT.dates_reversed": ("结束日期不能早于开始日期。", "`to` must not be before `from`."),
    "BAD_USER_INPUT.malformed_cursor": ("游标不正确。", "The cursor is malformed."),
    "BAD_USER_INPUT.malformed_date": (
        "“{date}”不是正确的日期;应为 2026-11-22 这样的格式。",
        "“{date}” is no date, such as 2026-11-22.",
    ),
    "BAD_USER_INPUT.malformed_decimal": (
        "“{number}”不是正确的数字;应为 1234.50 这样的文字。",
        "“{number}” is no decimal number, such as 1234.50.",
    ),
    "BAD_USER_INPUT.malformed_id": ("标识不正确:“{id}”。", "The id “{id}” is malformed."),
    "BAD_USER_INPUT.malformed_month": (
        "“{month}”不是正确的月份;应为 2026-11 这样的格式。",
        "“{month}” is no month, such as 2026-11.",
    ),
    "BAD_USER_INPUT.malformed_path": (
        "“{path}”不是单位路径;单位路径是以点分隔的小写名称,如 city.finance。",
        "“{path}” is no tenant path: that is dotted lower-case names, such as city.finance.",
    ),
    "BAD_USER_INPUT.malformed_time": (
        "“{time}”不是正确的时间;应带时区,如 2026-11-22T09:30:00+08:00。",
        "“{time}” is no moment with an offset, such as 2026-11-22T09:30:00+08:00.",
    ),
    "BAD_USER_INPUT.no_file": (
        "Upload 类型的变量须通过 multipart 请求上传文件。",
        "A variable of the type Upload is given as a file of a multipart request.",
    ),
    "BAD_USER_INPUT.no_such_object": ("没有找到该{kind}。", "There is no such {kind}."),
    "BAD_USER_INPUT.no_such_tenant": ("没有找到单位“{tenant}”。", "There is no tenant “{tenant}”."),
    "BAD_USER_INPUT.page_size": (
        "“{argument}”必须在 1 至 {largest} 之间。",
        "“{argument}” must be between 1 and {largest}.",
    ),
    "BAD_USER_INPUT.search_length": (
        "搜索文字须为 1 至 {largest} 个字符。",
        "A search text has between 1 and {largest} characters.",
    ),
    "BAD_USER_INPUT.too_many_rows": (
        "该请求最多可能读取 {cost} 行,超过上限 {allowed} 行:请减小分页大小,或减少列表的嵌套。",
        "It may take up to {cost} rows, and at most {allowed} are allowed: ask for smaller pages, or for fewer lists "
        "within lists.",
    ),
    "BAD_USER_INPUT.too_many_ids": ("一次最多查询 {largest} 个标识。", "At most {largest} ids at a time."),
    "BAD_USER_INPUT.wrong_type_of_id": (
        "标识“{id}”属于另一类对象。",
        "The id “{id}” belongs to another type of object.",
    ),
    "FORBIDDEN": ("您没有进行此操作的权限。", "None of your roles may do this."),
    "INTERNAL": (
        "服务器内部错误,请稍后重试。联系管理员时请提供编号 {correlation_id}。",
        "Something went wrong on our side. Please retry; when you report it, give the number {correlation_id}.",
    ),
    "RATE_LIMITED": ("请求过多,请稍后重试。", "Too many requests; please retry later."),
    "RATE_LIMITED.documents": (
        "您有过多新的查询正在等待编译(最多 {limit} 个),请稍后重试。",
        "Too many new documents of yours are waiting to be compiled (at most {limit}); please retry later.",
    ),
    "RATE_LIMITED.live_groups": (
        "您打开的实时订阅过多(最多 {limit} 种)。",
        "You have too many different live streams open (at most {limit}).",
    ),
    "RATE_LIMITED.operations": (
        "该连接上的并发操作过多(最多 {limit} 个)。",
        "Too many operations on this connection (at most {limit}).",
    ),
    "RATE_LIMITED.uploads": (
        "您有过多未提交的上传(最多 {limit} 个),请先提交或删除。",
        "You have too many uploads that are not attached (at most {limit}); attach or delete some first.",
    ),
    "RATE_LIMITED.sockets_per_user": (
        "您打开的实时连接过多(最多 {limit} 个),请先关闭不用的页面。",
        "You have too many live connections open (at most {limit}); close the pages you no longer need.",
    ),
    "RATE_LIMITED.sockets": ("实时连接过多,请稍后重试。", "Too many live connections; please retry later."),
    "RESYNC_REQUIRED": (
        "无法从该游标继续,请重新读取后再订阅。",
        "The stream cannot be continued from this cursor. Read afresh, then subscribe anew.",
    ),
    "TIMEOUT": (
        "处理时间过长,请缩小范围后重试。",
        "It took too long; please retry, or ask for less.",
    ),
    "UNAUTHENTICATED": ("请先登录。", "Please sign in."),
    "UNAUTHENTICATED.expired": ("登录已过期,请重新登录。", "The sign-in has expired; please sign in again."),
    "UNAUTHENTICATED.invalid": ("登录凭证无效。", "The sign-in token is not valid."),
    "UNAUTHENTICATED.revoked": (
        "该账号已停用或权限已变更。",
        "This account is no longer active, or its rights changed.",
    ),
}

WORDS: Mapping[str, Sentence] = {
    # steps that no object lists among its own
    "ENTRY_OPEN": ("登记诚信台账事项", "open an entry of the integrity ledger"),
    "NOTICE_ISSUE": ("签发督办文书", "issue a supervision notice"),
    "QUALITY_CHECK": ("登记质量抽查结论", "record a quality check"),
    "TICKET_SUBMIT": ("提交工单", "submit a ticket"),
    # kinds of objects
    "Attachment": ("附件", "attachment"),
    "Enterprise": ("企业", "enterprise"),
    "Grant": ("授权", "grant"),
    "Inspection": ("检查", "inspection"),
    "RectificationTask": ("整改任务", "rectification task"),
    "WorkPlan": ("任务清单", "work plan"),
    "IntegrityEntry": ("诚信台账事项", "entry of the integrity ledger"),
    "Report": ("报告", "report"),
    "Notification": ("通知", "notification"),
    "QualityEntry": ("办理质量台账事项", "entry of the quality ledger"),
    "QualitySample": ("质量抽查", "quality sample"),
    "ReleasedAggregate": ("发布的汇总数据", "released aggregate"),
    "ResponsibilityList": ("部门职责清单", "responsibility list"),
    "ResponsibilitySubject": ("职责事项", "subject of the list"),
    "Scheme": ("工作方案", "scheme"),
    "SupervisionNotice": ("督办文书", "supervision notice"),
    "Tenant": ("单位", "tenant"),
    "TicketTransfer": ("转办", "transfer"),
    "TRANSFER_DECIDE": ("接收转办", "decide on a transfer"),
    "Ticket": ("工单", "ticket"),
    "Upload": ("上传", "upload"),
    "User": ("用户", "user"),
    # limits of a document
    "aliases": ("别名", "aliases"),
    "definitions": ("操作与片段", "operations and fragments"),
    "depth": ("嵌套层数", "depth"),
    "directives": ("指令", "directives"),
    "fields": ("字段", "fields"),
    "repeats": ("同一字段的重复次数", "repeats of one field"),
    "tables": ("查询涉及的表", "tables"),
    "tokens": ("词法单元", "tokens"),
}
"""What stands in an error's data, as a reader would say it. What is not listed is said as it is."""


_NAMES = {
    name: labels[0]
    for enum in (
        NoticeStatus,
        NoticeAction,
        TriggerKind,
        TicketStatus,
        TicketAction,
        TicketCategory,
        TicketChannel,
        TenantKind,
        Role,
    )
    for name, labels in LABELS[enum].items()
}
"""The labels of enum values that errors carry; in English their names read well enough."""


def message(error: DomainError | RequestError, locale: Locale) -> str:
    """The sentence for a refusal. A rule without a sentence of its own gets that of its code."""
    rule = "none" if isinstance(error, IllegalTransition) and not error.allowed else error_rule(error)
    sentence = SENTENCES.get(f"{error.code}.{rule}") or SENTENCES.get(error.code) or SENTENCES["REFUSED"]
    given = {"field": getattr(error, "field", None) or "", **error.data}
    filled = {name: _say(value, locale) for name, value in given.items()}
    if "limit" in given:
        filled["limit_zh"] = _say(given["limit"], "zh-CN")
    if locale == "zh-CN" and given.get("own_word"):
        filled["current"] = given["own_word"]
    return sentence[_column(locale)].format_map(_Lenient(filled))


def internal_message(correlation_id: str, locale: Locale) -> str:
    """The sentence for a fault of ours: nothing of it is told but the number it is logged under."""
    return SENTENCES["INTERNAL"][_column(locale)].format(correlation_id=correlation_id)


def error_rule(error: DomainError | RequestError) -> str:
    """Which rule of its kind was broken; empty when the kind says it all."""
    return str(getattr(error, "rule", ""))


class _Lenient(dict[str, str]):
    """A sentence may name what an error does not carry: it is left out rather than failing the answer."""

    def __missing__(self, key: str) -> str:
        return "…"


def _column(locale: Locale) -> int:
    return 1 if locale == "en" else 0


def _say(value: Any, locale: Locale) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return (", " if locale == "en" else "、").join(_say(each, locale) for each in value)
    text = str(value)
    if text in WORDS:
        return WORDS[text][_column(locale)]
    if type(value) in LABELS and locale != "en":  # a word that other enums have too means what it means there
        return label(type(value), text, locale)
    if locale == "en":
        return text.lower().replace("_", " ") if text in _NAMES or type(value) in LABELS else text[:200]
    return _NAMES.get(text, text[:200])
