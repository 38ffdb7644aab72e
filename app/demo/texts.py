"""What the demonstration's reporters write and its departments answer: subjects, each with its competent department.

Every text is invented. A text names no person and no enterprise, so that a masked reporter stays masked.
A problem is written `title|what happened`; words in braces are slots that `tickets` fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from app.tickets.words import Satisfaction, TicketCategory


@dataclass(frozen=True, slots=True)
class Subject:
    """A matter and who is competent for it.

    `department` and `helpers` are slugs as the presets have them: of the first the one that the city has is competent,
    the others are asked to help. `local` is the share of the subject's tickets that the county handles.
    """

    key: str
    department: tuple[str, ...]
    weight: int
    ask: tuple[str, ...]
    help: tuple[str, ...]
    complain: tuple[str, ...]
    replies: tuple[str, ...]
    report: tuple[str, ...] = ()
    suggest: tuple[str, ...] = ()
    bid: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    local: float = 0.12

    def replies_to(self, problem: str) -> tuple[str, ...]:
        """The replies that speak of the problem: those that share most of its word pairs, else the general ones."""
        asked = _pairs(problem)
        common = [len(asked & _pairs(reply)) for reply in self.replies]
        most = max(common)
        if most < 2:
            return GENERAL_REPLIES
        return tuple(reply for reply, count in zip(self.replies, common, strict=True) if count == most)

    def problems(self, category: TicketCategory) -> tuple[str, ...]:
        """The problems of one category; empty when nobody would bring this subject in that form."""
        return {
            TicketCategory.CONSULTATION: self.ask,
            TicketCategory.HELP: self.help,
            TicketCategory.COMPLAINT: self.complain,
            TicketCategory.REPORT: self.report,
            TicketCategory.SUGGESTION: self.suggest,
            TicketCategory.BIDDING_COMPLAINT: self.bid,
        }[category]


def _pairs(text: str) -> frozenset[str]:
    """The pairs of Chinese characters in a text: what words are in a language without spaces."""
    return frozenset(pair for pair in map("".join, pairwise(text)) if all("一" <= c <= "鿿" for c in pair))


SUBJECTS: Final[tuple[Subject, ...]] = (
    Subject(
        key="business_licence",
        department=("market_regulation",),
        weight=16,
        ask=(
            "营业执照变更经营范围需要哪些材料|准备在营业执照上增加经营范围，不清楚是否需要先办后置许可、能否全程网上办理",
            "个体工商户转企业如何办理|想由个体工商户转为有限责任公司，想了解原名称和原许可证能否沿用，多长时间可以办结",
            "住所登记能否使用集群地址|刚起步还没有固定办公场所，咨询住所登记能否使用园区集群注册地址",
        ),
        help=(
            "企业注销公告期满仍无法提交|简易注销公告期满已有{days}天，系统一直提示有未办结事项，不知道卡在哪个环节",
            "电子营业执照无法下载使用|电子营业执照小程序反复提示信息不一致，已影响投标签章，希望协助核实",
            "法定代表人变更申请被多次退回|变更申请先后被退回{times}次，每次退回理由都不相同，希望一次性告知需要补正的内容",
        ),
        complain=(
            "登记窗口未一次性告知材料|在{window}办理设立登记跑了{times}趟，每次都说还差材料，没有出具一次性告知单",
            "登记窗口中午提前停止受理|{month}月到{window}办事，离下班还有半小时就不再受理，排队的人都被劝走",
        ),
        report=("代办中介冒用他人地址注册公司|发现有代办机构用同一处厂房的地址为多家公司办理登记，实际均不在此经营",),
        suggest=("建议开通企业变更登记预约延时服务|白天生产走不开，建议{window}每周安排一次延时受理，并开通材料预审",),
        replies=(
            "已与经办人联系，逐项告知所需材料并出具一次性告知单，申请已于当日受理并办结，新执照已领取。",
            "经核查系数据未同步所致，已协调系统运维人员处理完毕，经营主体确认可以正常办理。",
            "已安排专人帮办，补正材料后一次通过；对未一次性告知的问题已在窗口开展提醒教育。",
        ),
        helpers=("government_services",),
    ),
    Subject(
        key="food_permit",
        department=("market_regulation",),
        weight=9,
        ask=(
            "食品经营许可到期延续怎么办|食品经营许可证还有{days}天到期，咨询延续是否需要重新现场核查",
            "小作坊登记与食品生产许可的区别|计划做手工辣酱对外销售，咨询应办小作坊登记还是食品生产许可",
        ),
        help=(
            "食品生产许可现场核查迟迟未安排|申请提交后已{days}天没有安排现场核查，订单已签，设备闲置",
            "餐饮店布局图不知如何修改|操作间布局图两次没有通过，希望有人上门指导一次改到位",
        ),
        complain=(
            "执法检查频次过高影响经营|一个月内不同科所来检查{times}次，检查内容基本相同，已影响正常营业",
            "现场核查人员标准不一|前后两次核查人员说法不一，按第一次要求改造后又被要求拆除重做",
        ),
        report=("学校周边摊点无证加工食品|{street}一带有多个摊点无证现制现售，油烟和卫生状况差",),
        suggest=("建议对同类食品检查合并进行|建议把日常检查、专项检查和双随机合并成一次上门，结果互认",),
        replies=(
            "已于接单后组织现场核查，提出整改意见{n}条并当场指导，复核合格后许可证已送达。",
            "已调取检查记录，确有重复检查，现已纳入综合查一次计划，年内同类检查不再重复上门。",
        ),
        local=0.3,
    ),
    Subject(
        key="special_equipment",
        department=("market_regulation",),
        weight=4,
        ask=("叉车和压力容器检验如何预约|新购叉车{n}台，咨询使用登记和首次检验如何一并预约",),
        help=(
            "电梯定期检验排期过长|厂房货梯检验排期要等{days}天，检验证即将到期，停用会影响出货",
            "锅炉使用登记资料缺失如何补办|收购的旧厂锅炉缺少原始资料，咨询后被告知无法登记，希望给出办法",
        ),
        complain=("检验机构收费与公示不一致|检验费比公示标准高出不少，询问依据时没有得到说明",),
        replies=(
            "已协调检验机构调整排期，于{n}个工作日内完成检验并出具报告。",
            "收费问题核查属实，多收部分已退还，检验机构已作出书面说明。",
        ),
    ),
    Subject(
        key="price_fraud",
        department=("market_regulation",),
        weight=5,
        ask=("收到职业索赔信函如何应对|收到要求{amount}万元赔偿的信函，内容与产品标签瑕疵有关，咨询如何依法处理",),
        help=("网络平台商铺被恶意投诉下架|平台以他人投诉为由下架产品，已影响{amount}万元订单，希望协助核实投诉真伪",),
        complain=("协会强制入会收费|某协会以评优名义要求缴纳会费，不缴就在年检中刁难",),
        report=(
            "同行仿冒本企业包装和商标|市场上出现与本企业包装几乎一样的产品，做工粗糙，客户已误购多次",
            "转供电加价收费|厂房业主在电价之外每度加收费用，不公示也不开票，涉及租户{n}家",
        ),
        replies=(
            "已立案调查，现场查扣涉嫌侵权包装一批，后续处理结果将依法公示。",
            "经核查存在违规加价，已责令限期退还多收费用并公示收费明细。",
        ),
        helpers=("public_security",),
    ),
    Subject(
        key="tax",
        department=("tax",),
        weight=12,
        ask=(
            "小规模纳税人优惠政策适用口径|本季度销售额接近免征额，咨询开具专票部分如何申报",
            "研发费用加计扣除如何准备资料|首次享受研发费用加计扣除，咨询辅助账和立项资料需要准备到什么程度",
            "跨区域涉税事项报验如何办理|在外县承接工程，咨询报验登记和预缴税款的流程",
        ),
        help=(
            "留抵退税申请长时间没有进展|留抵退税申请提交{days}天，状态一直为审核中，涉及{amount}万元，资金周转困难",
            "数电发票额度不足影响开票|订单集中，发票总额度不够，临时调额申请{times}次均未通过",
        ),
        complain=(
            "办税服务热线长期无人接听|连续{times}天拨打办税服务电话均无人接听，到厅后又被告知要先电话预约",
            "同一材料要求重复报送|办理退税时要求重复提交已在系统内的合同和流水，来回跑了{times}趟",
        ),
        report=("批发市场商户以不开票为由加价|采购时被要求不开发票，开票则加收货款，涉及多家商户",),
        suggest=("建议申报期增设企业专窗|申报期大厅排队超过两小时，建议设企业专窗并公布实时排队人数",),
        replies=(
            "已由税源管理人员电话辅导并推送政策口径，纳税人表示清楚。",
            "退税资料审核已完成，税款已于本周划转至企业账户。",
            "已按规定核增发票额度并即时生效，同时开通网上调额通道。",
        ),
    ),
    Subject(
        key="power_supply",
        department=("power_supply", "eic"),
        weight=11,
        ask=(
            "厂房新装变压器如何申请|新建厂房需要{kva}千伏安用电，咨询报装材料、费用和大约多久能送电",
            "分时电价执行时段咨询|夜间生产较多，咨询峰谷时段划分和是否可以选择执行方式",
        ),
        help=(
            "增容申请迟迟未答复供电方案|增容申请提交{days}天没有收到供电方案，生产线已到货无法调试",
            "园区频繁闪停导致设备报废|{place}本月已闪停{times}次，数控设备停机报废工件，损失约{amount}万元",
        ),
        complain=(
            "计划停电未提前通知|{month}月停电前没有收到通知，冷库货物受损，客服只让等待",
            "外线工程被指定施工单位|报装时被暗示只能选某施工队，报价明显高于市场",
        ),
        report=("高压线下违规堆料存在安全隐患|{street}附近高压线下堆放木料和废旧轮胎，距离很近，一旦起火后果严重",),
        suggest=("建议停电计划提前一周推送企业|建议把计划停电按园区提前一周推送到企业联络员，便于安排生产",),
        replies=(
            "供电方案已于现场查勘后答复，外线工程本周进场，预计{n}个工作日内送电。",
            "经排查为线路老化及树障引起，已更换绝缘子并清理通道，连续观察{days}天未再发生。",
            "已将企业列入重要客户停电通知名单，由客户经理一对一提前告知。",
        ),
        helpers=("eic",),
    ),
    Subject(
        key="water_supply",
        department=("water_supply", "housing"),
        weight=8,
        ask=("工业用水报装费用和周期|计划在{place}新增一处生产用水接口，咨询报装周期和费用构成",),
        help=(
            "园区水压不足影响生产|{place}用水高峰水压不足，清洗线每天停{n}小时，已持续{days}天",
            "门前污水管网堵塞外溢|{street}污水井多次外溢，污水流到店铺门口，影响营业",
        ),
        complain=(
            "水费突增无人解释|本月水费比上月多出{amount}万元，要求复核水表，等了{days}天没有结果",
            "爆管抢修后路面长期不恢复|爆管抢修后路面围挡{days}天没有恢复，货车进不了厂",
        ),
        report=("洗车场私接消防栓用水|{street}一洗车场长期私接消防栓取水，消防栓已漏水",),
        replies=(
            "已派员检测水压并更换阀门，现场测压已恢复至正常范围。",
            "水表经检定误差超限，已更换并按规定退补水费。",
            "管道已清淤疏通，并列入本年度管网改造计划。",
        ),
        helpers=("urban_management",),
        local=0.2,
    ),
    Subject(
        key="gas_supply",
        department=("gas_supply", "housing"),
        weight=6,
        ask=("商业用气报装需要什么条件|餐饮店计划改用管道天然气，咨询报装条件、费用以及能否与装修同步施工",),
        help=(
            "工业用气计划量不足|进入旺季后用气计划量被压减，窑炉被迫降负荷，希望协调增加{n}%的气量",
            "燃气报装后迟迟未通气|报装缴费已{days}天，管道已铺到厂门口，一直没有安排点火通气",
        ),
        complain=("燃气安装被要求购买指定报警器|安装时被要求购买指定品牌报警器，价格高于市场，且不开具发票",),
        report=("餐馆违规存放瓶装液化气|{street}一家餐馆在地下室存放{n}个液化气瓶，没有任何通风设施",),
        replies=(
            "已完成置换通气并现场验收，用气正常。",
            "已与上游协调本月增加计划量，并签订错峰用气协议。",
            "指定报警器的做法已停止，已收费用按清单退还并补开发票。",
        ),
        helpers=("emergency",),
    ),
    Subject(
        key="road_occupation",
        department=("urban_management",),
        weight=9,
        ask=(
            "临时占道装卸怎么申请|开业当天需要占用人行道搭建展棚{n}天，咨询如何申请",
            "门头招牌设置有什么要求|计划更换门头招牌，咨询尺寸、灯光要求以及是否需要审批",
        ),
        help=(
            "店前施工围挡遮挡经营|{street}道路施工围挡紧贴店门，{days}天几乎没有顾客，希望预留通道",
            "招牌审批往返多次|招牌方案修改{times}次仍未通过，希望明确风貌要求",
        ),
        complain=(
            "城管执法方式简单|摆放在店门内侧的货架被要求立即清走，没有出示依据，态度生硬",
            "外摆区划定不公平|同一条街有的店可以外摆，有的被处罚，标准不一",
        ),
        report=(
            "渣土车夜间乱倒建筑垃圾|{place}附近夜间有车辆倾倒建筑垃圾，已堵住企业后门",
            "流动摊贩长期占用厂区出入口|上下班时段厂区出入口被流动摊贩占满，货车无法进出",
        ),
        suggest=("建议设置夜间外摆经营区|建议在{street}划定夜间外摆区，明确时间、卫生和噪声要求",),
        replies=(
            "已与施工单位协商，围挡后移并预留两米通道，设置店铺指示牌。",
            "已办理临时占道许可，现场划定范围并指定联络人。",
            "执法过程已复核，当事人员已批评教育，并向经营者当面说明依据。",
        ),
        local=0.45,
    ),
    Subject(
        key="loan",
        department=("financial_affairs", "drc"),
        weight=9,
        ask=(
            "小微企业贴息贷款怎么申请|听说有贴息政策，咨询申请条件、利率和贴息到账时间",
            "无抵押信用贷款有哪些渠道|轻资产企业没有厂房抵押，咨询信用贷和知识产权质押的办理渠道",
        ),
        help=(
            "续贷审批缓慢资金链紧张|贷款{amount}万元还有{days}天到期，续贷审批没有结果，担心断贷",
            "担保费率过高|担保公司要求保证金和担保费合计较高，希望对接政府性融资担保",
        ),
        complain=("银行抽贷压贷|还款后被告知额度收回，此前承诺续贷，现流动资金缺口{amount}万元",),
        report=("贷款中介虚假承诺骗取服务费|有人自称与银行有合作，收取服务费后失联，涉及多家企业",),
        suggest=("建议定期举办银企对接会|建议按行业每季度组织一次银企对接，提前公布产品清单",),
        replies=(
            "已组织银行上门对接，续贷{amount}万元已审批通过，实现无缝衔接。",
            "已推荐政府性融资担保机构，担保费率降至百分之一以下。",
            "已核实为额度重新评级所致，银行已保留部分额度并说明原因。",
        ),
        helpers=("cbirc", "central_bank"),
    ),
    Subject(
        key="bank_account",
        department=("central_bank",),
        weight=4,
        ask=("企业开户预约和尽调材料|新设企业开户，咨询需要哪些证明材料，多久能启用",),
        help=(
            "对公账户被限制非柜面交易|账户突然被限制转账，发不出{count}名员工的工资，银行让等待核查",
            "征信异议处理没有结果|征信报告记载有误，异议提交{days}天没有答复，影响授信",
        ),
        complain=("开户等待时间过长|在同一网点排队{times}次没有办成开户，每次要求补充的材料都不同",),
        replies=(
            "已督促开户行完成尽职调查，账户限制已解除。",
            "征信异议已核实更正，新报告可正常查询。",
        ),
    ),
    Subject(
        key="insurance",
        department=("cbirc",),
        weight=3,
        ask=("企业财产险理赔时限咨询|厂房遭遇强降雨受损，咨询定损和赔付的法定时限",),
        help=("保险理赔久拖不决|出险后{days}天没有定损意见，涉及{amount}万元，影响恢复生产",),
        complain=(
            "银行贷款搭售保险|办理贷款时被要求购买保险产品，不买就不放款",
            "保险公司拒赔未说明理由|拒赔通知只有一句话，没有说明依据的条款",
        ),
        replies=(
            "已督促保险公司完成定损，赔款已支付到账。",
            "搭售问题查实，已责令退还保费并对网点作出处理。",
        ),
    ),
    Subject(
        key="social_insurance",
        department=("human_resources",),
        weight=10,
        ask=(
            "灵活用工人员社保如何缴纳|旺季雇用短期工{count}人，咨询工伤保险能否单独缴纳",
            "稳岗返还申领条件|去年没有裁员，咨询稳岗返还是否需要申请、标准是多少",
        ),
        help=(
            "社保增员一直显示处理中|为{count}名新员工办理增员，{days}天仍显示处理中，影响报销",
            "招工难希望对接|急缺操作工{count}名，希望安排专场招聘或对接技工学校",
        ),
        complain=(
            "补贴申请资格审核前后说法不一|吸纳就业补贴先说符合后说不符合，没有书面理由",
            "工伤认定超过时限未答复|工伤认定材料提交{days}天没有任何通知",
        ),
        report=("劳务公司克扣工资|劳务公司以管理费名义扣发工资，涉及{count}人",),
        suggest=("建议把技能培训送到园区|建议按企业需求在{place}开班，晚上授课，不影响生产",),
        replies=(
            "业务数据已处理完毕，增员生效，费用自本月起计。",
            "补贴已重新核定，共计{amount}万元，已拨付至企业账户。",
            "已组织专场招聘会，现场达成意向{count}人。",
        ),
    ),
    Subject(
        key="labour_dispute",
        department=("human_resources",),
        weight=4,
        ask=("解除劳动合同经济补偿如何计算|企业搬迁后部分员工不愿随迁，咨询补偿标准",),
        help=("劳动仲裁排期较长|仲裁申请立案后{days}天没有开庭通知，企业和员工都希望尽快解决",),
        complain=("劳动监察未听取企业意见|监察通知要求三日内改正，没有核实考勤和支付凭证",),
        report=("工地拖欠农民工工资|{place}一工地拖欠{count}名工人工资，总包与分包互相推诿",),
        replies=(
            "已组织调解并达成协议，双方签字确认。",
            "欠薪已责令总包垫付，工资已全部发放到位。",
        ),
        helpers=("housing",),
    ),
    Subject(
        key="medical_insurance",
        department=("medical_insurance",),
        weight=4,
        ask=("职工医保断缴后待遇如何衔接|账户异常断缴一个月，咨询补缴后待遇从何时起算",),
        help=(
            "医保单位缴费基数申报错误|申报基数录错一位，多扣{amount}万元，咨询如何更正退回",
            "生育津贴迟迟未拨付|生育津贴申请{days}天没有到账，企业已先行垫付",
        ),
        complain=("药店申请医保定点被拖延|定点申请材料齐全，{days}天没有组织现场评估",),
        replies=(
            "基数已更正，多缴部分已办理退费。",
            "津贴已于本批次拨付，凭证可在线查询。",
        ),
    ),
    Subject(
        key="housing_fund",
        department=("housing_fund",),
        weight=4,
        ask=("单位公积金缴存比例调整|经营困难，咨询缓缴或降低比例需要什么程序",),
        help=("公积金单位账户无法网上汇缴|更换法定代表人后数字证书失效，汇缴{times}次失败",),
        complain=("异地转移手续重复跑腿|为{count}名员工办理转移，被要求逐人到柜台签字",),
        suggest=("建议公积金与社保同步增减员|建议一次申报同时办理社保、医保和公积金增减员",),
        replies=(
            "证书已更新，现可正常汇缴；已开通线上批量业务。",
            "已按规定办理缓缴备案，期限至年底。",
        ),
    ),
    Subject(
        key="environment_inspection",
        department=("ecology",),
        weight=9,
        ask=(
            "环评豁免名录如何判断|新增一条包装线，咨询是否属于环评豁免",
            "排污许可变更需要哪些步骤|更换锅炉燃料，咨询排污许可是变更还是重新申请",
        ),
        help=(
            "环评批复进度缓慢|报告表受理公示结束{days}天没有批复，项目无法开工",
            "在线监测数据异常不知如何处理|在线监测设备数据跳变，第三方运维说法不一，希望给予技术指导",
        ),
        complain=(
            "重复检查且要求不一|{month}月环保检查{times}次，前后整改要求互相矛盾",
            "处罚告知未听取陈述申辩|收到处罚告知后提交了陈述材料，没有得到回应",
        ),
        report=(
            "养殖场废水直排河道|{place}下游河水发黑发臭，疑似养殖场夜间直排",
            "夜间加工厂噪声扰民|{street}一处加工点夜间切割，噪声持续到凌晨",
        ),
        suggest=("建议推行环保管家上门体检|建议对首次违规的小微企业先体检指导再检查",),
        replies=(
            "已召开技术审查会，批复文件已印发并送达。",
            "已核对检查记录，统一整改标准为{n}项，并给予合理整改期限。",
            "执法人员已到现场采样，超标问题依法立案，河道已清理。",
        ),
        local=0.25,
    ),
    Subject(
        key="arrears_project",
        department=("housing",),
        weight=6,
        ask=("工程款支付担保如何办理|咨询建设单位支付担保和农民工工资保证金的办理标准",),
        help=(
            "政府投资项目工程款拖欠|承建的道路附属工程验收{n}年，仍拖欠{amount}万元，多次催要没有结果",
            "竣工验收备案卡在消防|工程完工{days}天，消防验收整改后没有人复验",
        ),
        complain=(
            "施工图审查反复提新意见|施工图送审{times}次，每次都有新意见，工期一拖再拖",
            "质保金到期不退还|质保期满{days}天，建设单位以领导未签字为由不退{amount}万元",
        ),
        report=("工地违法分包转包|{place}在建项目存在层层转包，现场没有项目管理人员",),
        replies=(
            "已约谈建设单位，制定分期还款计划，首笔{amount}万元已支付。",
            "已组织联合验收，备案证明已出具。",
            "质保金已全额退还，企业确认到账。",
        ),
        helpers=("finance", "sasac"),
    ),
    Subject(
        key="arrears_purchase",
        department=("finance",),
        weight=6,
        ask=("政府采购合同融资怎么办|中标后想凭合同融资，咨询流程和合作银行",),
        help=(
            "单位采购货款长期未付|供应办公设备验收合格{days}天，{amount}万元货款没有支付，理由是预算未下达",
            "奖补资金公示后没有到账|奖补名单公示结束{days}天，{amount}万元没有到账，咨询多个部门没有明确答复",
        ),
        complain=("结算审核久拖不决|结算资料送审{days}天没有初审意见，影响支付",),
        suggest=("建议公开惠企资金拨付进度|建议把资金拨付到哪一步在网上公开，企业可查",),
        replies=(
            "资金已于本周拨付，企业已确认收到。",
            "已核实预算指标，列入下月用款计划并书面告知企业。",
            "结算审核已出具报告，进入支付程序。",
        ),
    ),
    Subject(
        key="soe_rent",
        department=("sasac",),
        weight=4,
        ask=("国有房屋租赁如何参加竞租|想承租国有闲置厂房，咨询竞租平台和保证金要求",),
        help=(
            "租金减免政策没有落实|承租国有门面，减免政策出台{days}天没有办理",
            "国有企业欠付货款|向国有平台公司供货，{amount}万元货款逾期{days}天",
        ),
        complain=("租约到期被单方面涨租|到期前没有沟通，直接通知租金上涨{n}成，不签就清退",),
        replies=(
            "已督促产权单位按政策办理减免，差额已退还。",
            "已督办国有平台公司，货款分两期支付，第一期已到账。",
        ),
        helpers=("finance",),
    ),
    Subject(
        key="bidding",
        department=("government_services", "drc"),
        weight=5,
        ask=("投标保证金能否使用保函|参加市级项目投标，咨询保证金能否用电子保函，CA是否可以互认",),
        help=("电子招投标系统签章失败|开标前签章控件报错{times}次，险些错过上传时间，希望排查兼容问题",),
        complain=("投标保证金逾期未退|中标公示结束{days}天，投标保证金{amount}万元没有退回",),
        report=("疑似围标串标|同一项目多家投标文件错误之处相同，报价呈规律性差异",),
        bid=(
            "招标文件设置不合理业绩门槛|招标文件要求近三年本地同类业绩{n}个，与项目规模不符，排斥外地企业",
            "评标结果与公示评分不一致|公示的评分汇总与文件规定的分值不符，异议答复没有说明理由",
            "资格审查以注册地为由否决投标|资格审查以没有本地分公司为由否决，文件中并没有该要求",
            "招标人未在期限内答复异议|异议提交{days}天没有答复，招标活动没有暂停",
        ),
        suggest=("建议推行远程异地评标|建议扩大远程异地评标范围，评标过程录像可查",),
        replies=(
            "经调查，招标文件相关条款已由招标人修改并重新发布公告。",
            "已组织原评标委员会复核并出具书面意见，结果予以更正。",
            "保证金已原路退回，系统兼容问题已修复。",
        ),
        helpers=("drc", "housing"),
        local=0.05,
    ),
    Subject(
        key="service_hall",
        department=("government_services", "business_environment"),
        weight=8,
        ask=(
            "一件事一次办清单在哪里查|准备开办一家小型药店，咨询能否按一件事一次办",
            "惠企政策申报专窗在哪里|咨询惠企政策兑现专窗的位置、电话以及需要携带的材料",
        ),
        help=(
            "网上办事平台无法提交附件|附件上传{times}次报错，客服让换浏览器，仍然不行",
            "代办事项进度无法查询|委托帮办的事项{days}天没有短信，网上也查不到进度",
        ),
        complain=(
            "窗口工作人员态度冷淡|在{window}咨询时，工作人员边看手机边回答，让自己上网查",
            "叫号系统混乱等待过久|{window}叫号跳号，等待{n}个小时才办上",
        ),
        suggest=(
            "建议大厅增设企业自助打印|建议在{window}增设自助打印和材料扫描设备",
            "建议周末轮值办理企业业务|建议每周六上午安排企业开办、变更业务轮值",
        ),
        replies=(
            "已安排帮办人员全程代办，事项于当日提交成功。",
            "已调取监控核实，对当事人员进行通报并调离窗口岗位，当面致歉。",
            "叫号系统已升级，增设弹性窗口{n}个。",
        ),
    ),
    Subject(
        key="land",
        department=("natural_resources",),
        weight=9,
        ask=(
            "工业用地分割转让条件|闲置厂房想分割转让一部分，咨询最小面积和手续",
            "临时用地审批流程|施工需要临时用地{n}亩，咨询期限和复垦要求",
        ),
        help=(
            "土地证办理多年未果|缴清出让金已{n}年，不动产权证没有办下来，无法抵押融资",
            "规划许可审批缓慢|厂房扩建规划方案报审{days}天没有意见",
        ),
        complain=(
            "招商时承诺的用地未兑现|入园协议约定供地{n}亩，至今没有挂牌，设备订金已付",
            "不动产登记窗口推诿|窗口与测绘机构互相推诿，同一份图纸改了{times}次",
        ),
        report=("耕地上堆放砂石料|{place}附近耕地被硬化堆放砂石，雨天泥浆外溢",),
        replies=(
            "历史遗留问题专班已研究，首次登记已受理，预计{n}个工作日办结。",
            "规划方案已审查通过，许可证已核发。",
            "已列入本季度供地计划，挂牌公告近期发布。",
        ),
        helpers=("cooperation",),
        local=0.25,
    ),
    Subject(
        key="construction_permit",
        department=("housing",),
        weight=5,
        ask=("装修工程是否需要施工许可|厂房内部改造投资{amount}万元，咨询是否需要办理施工许可和消防审查",),
        help=(
            "施工许可申报系统反复退件|申报材料被系统退件{times}次，提示内容看不懂",
            "老旧厂房消防改造缺少图纸|厂房建成早，没有竣工图，消防改造无从下手",
        ),
        complain=("质安站现场检查要求停工|检查指出一处临边防护问题，要求全面停工{days}天，损失较大",),
        suggest=("建议分阶段办理施工许可|建议地下部分先行发证，缩短开工等待",),
        replies=(
            "已一次性告知补正内容，施工许可证当日核发。",
            "已派技术人员上门指导，形成改造方案并同意备案。",
            "复查合格，已同意恢复施工。",
        ),
        helpers=("emergency",),
    ),
    Subject(
        key="project_filing",
        department=("drc",),
        weight=6,
        ask=(
            "技改项目备案在哪里办理|计划实施技改，咨询备案归发改还是工信，需要哪些材料",
            "屋顶光伏备案和并网|计划建设屋顶光伏，咨询备案主体和上网电价政策",
        ),
        help=(
            "重点项目要素保障协调|市级重点项目开工{days}天，临时用电和道路仍没有落实",
            "节能审查意见迟迟未出|节能报告评审会开完{days}天没有批复",
        ),
        complain=("专项资金申报通知不公开|申报通知没有在网上公布，得知时已经截止",),
        suggest=("建议公布年度申报计划表|建议年初公布各类资金申报时间表，便于企业准备",),
        replies=(
            "已召开要素保障协调会，用电、道路分别由责任单位限期解决。",
            "节能审查意见已印发。",
            "已完善公开渠道，补充受理符合条件的申报。",
        ),
        helpers=("eic", "natural_resources"),
    ),
    Subject(
        key="technical_upgrade",
        department=("eic",),
        weight=6,
        ask=(
            "专精特新申报条件|咨询创新型中小企业和专精特新的评价条件、申报批次",
            "绿色工厂评价补助标准|通过绿色工厂评价后能获得多少补助，如何申请",
        ),
        help=(
            "技改补贴申报材料看不懂|设备投资{amount}万元，发票分属两年，不知道能否一并申报",
            "错峰生产通知影响订单交付|收到错峰通知，出口订单{days}天内必须交货，希望协调",
        ),
        complain=("技改补贴兑现一拖再拖|技改验收通过{days}天，补贴{amount}万元没有兑现，答复总是在走流程",),
        suggest=("建议组织上下游对接|建议按产业链组织本地配套对接会",),
        replies=(
            "已上门辅导申报，材料已受理并进入评审。",
            "补贴资金已下达，企业确认到账。",
            "已结合订单情况调整错峰时段。",
        ),
        helpers=("finance",),
    ),
    Subject(
        key="high_tech",
        department=("science",),
        weight=4,
        ask=("高新技术企业认定材料|计划申报高企，咨询知识产权数量和研发占比要求",),
        help=("科技型企业入库被退回|入库评价被退回{times}次，理由是研发费用归集不规范，希望指导",),
        complain=("科技计划项目验收拖延|项目到期{days}天没有组织验收，影响后续申报",),
        suggest=("建议开放大型仪器共享|建议公布高校和院所可共享的仪器与收费",),
        replies=(
            "已安排专家一对一辅导，企业已入库。",
            "已组织验收，结论为通过。",
        ),
    ),
    Subject(
        key="road_transport",
        department=("transport",),
        weight=6,
        ask=("货运车辆道路运输证年审|{n}辆货车年审，咨询能否异地网上办理",),
        help=(
            "大件运输许可跨省办理受阻|设备超宽，许可申请{days}天没有通过，交货在即",
            "厂区外连接路损坏严重|{place}连接路坑洼严重，运输车辆爆胎{times}次",
        ),
        complain=(
            "超限检测站称重误差争议|同一车货两处称重相差较大，被要求卸货，申请复检不予受理",
            "货车通行证审批慢|城区配送通行证申请{days}天没有结果，生鲜配送受阻",
        ),
        report=("黑车在车站周边揽客|{street}一带黑车揽客，价格混乱，影响正规客运",),
        replies=(
            "已协调沿途审批，许可证已核发。",
            "连接路修复已开工，预计{days}天完工。",
            "称重设备已重新检定，误差超限部分已更正。",
        ),
        helpers=("public_security",),
        local=0.25,
    ),
    Subject(
        key="truck_access",
        department=("public_security",),
        weight=5,
        ask=(
            "刻制公章需要备案吗|公司更名，咨询旧章收缴和新章备案流程",
            "娱乐场所备案需要什么材料|计划开办一家小型娱乐场所，咨询治安备案的条件和时限",
        ),
        help=(
            "外来员工居住证办理|{count}名外地员工需要办居住证，希望集中上门办理",
            "厂区被盗案件进展|厂区电缆被盗报案{days}天，希望了解进展并加强巡逻",
        ),
        complain=("货车禁行标志设置不合理|{street}新设禁行标志，没有绕行提示，送货车一天被罚{times}次",),
        report=("网络诈骗冒充企业负责人|有人冒充负责人要求财务转账{amount}万元，幸未得逞，提供线索",),
        replies=(
            "已优化标志并设置绕行提示，首次误入予以警告。",
            "派出所已上门集中办理居住证{count}份。",
            "案件已立案，增加夜间巡逻频次，进展将及时反馈。",
        ),
        helpers=("transport",),
    ),
    Subject(
        key="safety_inspection",
        department=("emergency",),
        weight=5,
        ask=("危险化学品经营许可延续|许可证{days}天后到期，咨询延续条件和评价报告要求",),
        help=("安全评价机构报价差异大|换证需要安全评价，机构报价相差一倍，希望提供参考",),
        complain=("安全检查以罚代管|首次检查发现标识缺失即罚款，没有给整改时间",),
        report=(
            "仓库违规存放易燃品|{place}一处仓库大量存放油漆稀料，无消防设施",
            "加油站周边违规动火|{street}加油站旁有人露天焊接，未设隔离",
        ),
        replies=(
            "已上门指导，许可延续已受理。",
            "已复核处罚裁量，符合首违不罚条件，予以撤销。",
            "现场已责令停止并转移易燃品，立案调查。",
        ),
        local=0.25,
    ),
    Subject(
        key="farming",
        department=("agriculture",),
        weight=7,
        ask=(
            "合作社示范社评定标准|合作社成员{count}户，咨询示范社评定条件",
            "农机购置补贴申请流程|购买烘干机一台，咨询补贴比例和兑现时间",
        ),
        help=(
            "设施农用地备案受阻|养殖圈舍用地备案{days}天没有结果，种苗已订",
            "动物检疫申报点距离太远|检疫申报点离基地{n}十公里，每次往返半天，希望增设",
        ),
        complain=("农业保险理赔面积被打折|受灾面积{n}亩，只按一半赔付，没有说明依据",),
        report=("假冒种子流入市场|购买的种子出苗率不足三成，包装没有生产许可号",),
        suggest=("建议建设产地冷藏库|建议在{county}集中产区布局共用冷藏库",),
        replies=(
            "设施农用地备案已办结，用地红线已现场划定。",
            "补贴资金已公示结束并拨付。",
            "已抽样送检并对经销点立案，组织协商赔偿。",
        ),
        local=0.5,
    ),
    Subject(
        key="forest_land",
        department=("forestry", "natural_resources"),
        weight=3,
        ask=("林下种植是否需要审批|计划林下种植中药材{n}亩，咨询是否需要审批",),
        help=("占用林地审批缓慢|项目占用林地{n}亩，材料上报{days}天没有结果",),
        complain=("采伐指标分配不透明|申请采伐指标{times}次没有批，也没有公示分配情况",),
        report=("非法采挖野生树木|{place}后山有人采挖野生树木外运",),
        replies=("使用林地审核同意书已取得。", "采伐指标分配情况已公示，企业申请列入本批。"),
        local=0.3,
    ),
    Subject(
        key="water_permit",
        department=("water",),
        weight=3,
        ask=("取水许可延续办理|取水许可证将到期，咨询是否需要重新论证",),
        help=("水土保持方案审批|项目开工在即，水保方案评审{days}天没有批复",),
        complain=("河道清淤影响厂区取水|清淤施工围堰截断取水口{days}天，事先没有通知",),
        report=("河道违规采砂|{place}河段夜间有船采砂，岸坡已垮塌",),
        replies=("水土保持方案已批复。", "已协调施工单位开设临时导流，取水恢复正常。"),
        local=0.3,
    ),
    Subject(
        key="trade",
        department=("commerce",),
        weight=5,
        ask=(
            "外贸企业备案和出口退税衔接|首次出口，咨询备案、收汇和退税的先后顺序",
            "消费券活动如何报名|商超想参加消费券活动，咨询报名条件",
        ),
        help=("境外参展补贴申报|参加境外展会支出{amount}万元，补贴申报窗口没有开放",),
        complain=("成品油零售批准证书换证慢|加油站换证申请{days}天没有办结，无法正常进油",),
        suggest=("建议扶持本地特产电商直播|建议由政府牵头建设共用直播间，降低小店成本",),
        replies=("已受理补贴申报，列入本批审核。", "换证已办结，证书已送达。"),
    ),
    Subject(
        key="customs",
        department=("customs",),
        weight=3,
        ask=("进口设备减免税确认|进口一套检测设备，咨询减免税确认需要的材料",),
        help=("出口货物查验等待时间长|鲜活农产品出口查验等待{n}小时，品质受损",),
        complain=("报关单修改审核缓慢|申报要素录入错误，修改申请{days}天没有通过",),
        replies=("已开通鲜活农产品绿色通道，随到随检。", "修改申请已审核通过。"),
    ),
    Subject(
        key="rail_port",
        department=("railway_port",),
        weight=3,
        ask=("班列订舱如何申请|有{n}个柜的货拟走班列，咨询订舱、补贴和发车计划",),
        help=("货物在站场滞留|到站{days}天没有安排装卸，产生仓储费",),
        complain=("装卸收费项目不透明|站内收取多项杂费，没有公示价目",),
        replies=("已协调增开装卸班次，货物已提离，滞留期间仓储费予以减免。", "收费目录已公示，不合理项目已取消。"),
    ),
    Subject(
        key="industrial_park",
        department=("gas_park", "eic"),
        weight=5,
        ask=("标准厂房租金和入驻条件|计划租用标准厂房{n}千平方米，咨询租金、层高和荷载",),
        help=(
            "园区道路照明不足|{place}夜班员工下班路段没有路灯，存在安全隐患",
            "园区宿舍和食堂不足|园区企业员工{count}人没有宿舍，招工困难",
        ),
        complain=("物业收费高服务差|园区物业费上涨后垃圾清运反而减少，多次反映没有改善",),
        suggest=("建议增开园区通勤公交|建议上下班时段增开到{place}的公交班次",),
        replies=("路灯已安装{n}盏并通电。", "已协调公交公司增开早晚班次。", "保障性租赁住房已腾出{n}套优先安排。"),
    ),
    Subject(
        key="investment_promise",
        department=("cooperation", "commerce"),
        weight=5,
        ask=("招商引资优惠政策咨询|外地企业拟投资{amount}万元，咨询用地、税收和用工支持",),
        help=("招商协议约定的补助没有兑现|协议约定投产后给予{amount}万元设备补助，投产{days}天没有兑现",),
        complain=("新任负责人不认旧账|换届后原承诺被告知需要重新研究，材料交了{times}次没有结论",),
        replies=("已组织专题会议认定承诺事项，首期补助列入预算。", "已明确由专人跟进，按协议分年度兑现。"),
        helpers=("finance",),
    ),
    Subject(
        key="tourism",
        department=("culture_tourism",),
        weight=4,
        ask=("民宿开办手续|农房改造民宿，咨询消防、特种行业和食品手续先后顺序",),
        help=("旅行社质量保证金退还|变更业务类型后保证金{amount}万元没有退",),
        complain=("演出审批答复不及时|商业演出申请{days}天没有批复，场地已付定金",),
        report=("无资质人员组织一日游|有人在网上招揽一日游，没有旅行社资质，强制购物",),
        replies=("已组织联审联批，民宿手续一次办齐。", "保证金已退还。"),
        local=0.35,
    ),
    Subject(
        key="health_permit",
        department=("health",),
        weight=4,
        ask=("公共场所卫生许可告知承诺|新开理发店，咨询能否告知承诺当场领证",),
        help=("诊所备案材料审核|中医诊所备案材料提交{days}天没有反馈",),
        complain=("职业健康检查收费偏高|职业健康体检费用较上年上涨{n}成，没有公示",),
        report=("无证行医|{street}有人在出租屋内无证行医注射",),
        replies=("已按告知承诺当场发证。", "备案凭证已发放。", "已取缔并立案。"),
        local=0.3,
    ),
    Subject(
        key="schooling",
        department=("education",),
        weight=3,
        ask=("企业高管子女入学政策|引进人才子女想就近入学，咨询材料和报名时间",),
        help=("园区员工子女入托难|{place}附近没有公办幼儿园，{count}名员工子女入托困难",),
        complain=("校外培训机构备案标准不清|艺术培训机构备案被退回{times}次，说法不一",),
        replies=("已协调就近学校接收，入学手续已办理。", "已明确备案清单并组织现场辅导。"),
    ),
    Subject(
        key="law_enforcement",
        department=("justice",),
        weight=4,
        ask=("行政复议如何申请|对处罚决定有异议，咨询复议时限和是否可以网上申请",),
        help=("企业法律援助和合同审查|小微企业没有法务，希望安排一次合同体检",),
        complain=("涉企检查没有出示检查通知|检查人员没有出示检查通知和证件，现场记录也没有留存",),
        suggest=("建议公布涉企检查事项清单|建议把各部门涉企检查的频次上限公开，企业可以对照",),
        replies=("已安排公益律师上门开展法治体检。", "检查程序问题已核查，责成相关单位整改并通报。"),
    ),
    Subject(
        key="elderly_care",
        department=("civil_affairs",),
        weight=2,
        ask=("养老机构备案和运营补贴|拟开办社区养老机构，咨询备案、消防和床位补贴",),
        help=("运营补贴迟迟没有拨付|去年运营补贴{amount}万元没有拨付，机构周转困难",),
        complain=("社会组织登记审批推诿|行业协会登记被要求先找主管单位，主管单位又让先登记",),
        replies=("补贴已拨付。", "已明确业务主管单位，登记申请已受理。"),
    ),
    Subject(
        key="air_defence",
        department=("civil_defence", "housing"),
        weight=2,
        ask=("人防易地建设费减免|工业厂房项目，咨询易地建设费能否减免",),
        help=("人防工程验收安排|人防工程完工{days}天，没有安排验收",),
        complain=("易地建设费计算依据不清|缴费通知{amount}万元，没有附计算明细",),
        replies=("已按规定核减，并出具计算明细。", "人防工程验收已完成。"),
    ),
    Subject(
        key="courier",
        department=("post",),
        weight=3,
        ask=("快递末端网点备案|新增驿站{n}处，咨询备案材料",),
        help=("农产品寄递破损率高|生鲜寄递破损率高，理赔{times}次没有结果",),
        complain=("快递进村二次收费|村级驿站取件要求另付费用，平台客服推诿",),
        replies=("已约谈品牌企业，二次收费已停止并退还。", "理赔款已支付，企业表示认可。"),
        local=0.2,
    ),
    Subject(
        key="archives",
        department=("archives",),
        weight=2,
        ask=("原国有企业改制档案查询|办理产权手续需要原厂改制档案，咨询查询手续",),
        help=("建设项目档案移交|项目档案整理标准不清，被退回{times}次",),
        complain=("查档预约后无人接待|按预约时间到馆，窗口无人，等了{n}个小时",),
        replies=("已完成查档并出具证明。", "已上门指导档案整理，移交完成。"),
    ),
)

GENERAL_REPLIES: Final[tuple[str, ...]] = (
    "已与反映人联系并说明情况，事项已按规定办结，反映人无异议。",
    "经核实，反映情况属实，已按职责处理完毕，结果已告知反映人。",
    "已到现场核查并当面答复，相关问题已整改到位。",
    "已安排专人全程跟进，所需手续已一次性告知，反映人表示理解。",
    "经研究，已采纳反映的意见，具体措施将于近期实施。",
)

OPENERS: Final[Mapping[str, tuple[str, ...]]] = {
    "enterprise": (
        "我公司位于{county}，主要从事{trade}，现有职工{staff}人。",
        "我单位是{county}一家经营主体，从业人员{staff}人。",
        "我们在{county}经营已有{years}年。",
        "本企业注册在{county}，从事{trade}。",
        "我公司在{county}登记经营。",
    ),
    "person": (
        "本人在{county}从事个体经营。",
        "我在{county}租用门面做小生意。",
        "我是{county}一名办事群众，代家里的小店反映情况。",
    ),
    "anonymous": ("反映人不愿透露身份。", "匿名反映：", "作为{county}的一名从业者反映如下情况。"),
}

CLOSINGS: Final[Mapping[TicketCategory, tuple[str, ...]]] = {
    TicketCategory.CONSULTATION: (
        "请予答复，谢谢。",
        "希望告知办理流程和咨询电话。",
        "请给予明确答复，以便我们提前准备。",
    ),
    TicketCategory.HELP: (
        "恳请有关部门尽快协调解决。",
        "希望能够派人到现场看一看。",
        "目前已影响正常经营，请予帮助。",
        "我们愿意配合补充任何材料。",
    ),
    TicketCategory.COMPLAINT: (
        "请调查核实并给予答复。",
        "希望举一反三，改进服务。",
        "要求说明依据，并对有关做法予以纠正。",
    ),
    TicketCategory.REPORT: ("请依法查处，并为反映人保密。", "现提供线索，请核实。", "已保留照片，可配合调查。"),
    TicketCategory.SUGGESTION: ("供有关部门参考。", "如能实施，将方便许多企业。", "希望研究采纳。"),
    TicketCategory.BIDDING_COMPLAINT: (
        "请求依法调查处理，并暂停下一步招投标活动。",
        "现依法提出投诉，证据材料可随时提供。",
        "请求责令改正并书面答复处理决定。",
    ),
}

DETAILS: Final[tuple[str, ...]] = (
    "此前曾于{month}月向有关单位反映过，没有得到明确答复。",
    "电话咨询过{times}次，答复不一致。",
    "附近还有{n}家企业遇到同样情况。",
    "每拖一天，损失约{loss}元。",
    "相关材料已准备齐全。",
    "这是第一次反映。",
    "",
    "",
    "",
)

STREETS: Final[tuple[str, ...]] = (
    "建设路", "人民路", "滨河路", "文化街", "东坝路", "北环路", "新兴街", "学府路", "站前路", "工农街", "南山路",
)  # fmt: skip

PLACES: Final[tuple[str, ...]] = (
    "工业集中区", "城东物流园", "北部工业园", "小微企业创业园", "食品产业园", "建材市场", "农产品批发市场",
    "机电产业园", "循环经济园", "电商产业园",
)  # fmt: skip

WINDOWS: Final[tuple[str, ...]] = (
    "市政务服务大厅", "县政务服务中心", "企业开办专窗", "综合受理窗口", "便民服务中心", "不动产登记大厅",
    "惠企政策专窗",
)  # fmt: skip

ANSWERS: Final[tuple[str, ...]] = (
    "您好，已为您查询：所需材料清单和办理流程已短信发送，可在网上全程办理。",
    "经与主管部门核实，您反映的事项可按告知承诺办理，当日即可办结，窗口电话已告知。",
    "您咨询的政策目前有效，符合条件的可直接在惠企政策专窗申报，申报指南已发送。",
    "已在线向您说明政策口径，如仍有疑问可再次来电。",
)

DECLINES: Final[tuple[str, ...]] = (
    "该事项已进入诉讼程序，依法应当通过司法途径解决，不属于受理范围。",
    "反映内容属于紧急求助，已告知直接拨打紧急电话，不再按工单受理。",
    "该事项属于企业之间的合同纠纷，建议依法协商、仲裁或诉讼。",
    "反映内容缺少具体对象和事实，经两次联系无法补充，不予受理。",
    "该事项此前已作出处理意见并送达，没有新的事实和理由。",
)

DISPATCH_NOTES: Final[tuple[str, ...]] = (
    "请按职责办理，并在时限内答复反映人。",
    "请先与反映人联系，核实情况后处理。",
    "请牵头办理，协办单位配合。",
    "该事项近期反映较多，请一并研究。",
    "",
    "",
)

RETURNS: Final[tuple[str, ...]] = (
    "经核，该事项不属于我单位职责，建议转相关主管部门办理。",
    "该事项的审批权限不在我单位，请重新分办。",
    "反映的地点不在我单位管辖范围，申请退回。",
)

ARBITRATIONS: Final[tuple[str, ...]] = (
    "经对照部门职责清单研究，由所列单位牵头办理。",
    "经会商，该事项主要涉及所列单位职责，请签收办理。",
    "该事项职责清晰，请按仲裁意见办理，不得再次退回。",
)

PUBLIC_COMMENTS: Final[tuple[str, ...]] = (
    "工作人员已电话联系反映人，约定现场查看时间。",
    "已到现场查看，正在制定处理方案。",
    "需补充{n}份材料，已短信告知。",
    "已召开协调会，责任已明确到科室。",
    "正在履行内部审批程序，预计{n}个工作日内有结果。",
)

INTERNAL_COMMENTS: Final[tuple[str, ...]] = (
    "反映人情绪较急，请优先联系。",
    "与上月同类问题合并研判。",
    "已请示分管负责人，按既定方案推进。",
    "需法规科室出具意见。",
    "协办单位意见已收到，附后。",
)

ESCALATION_NOTES: Final[tuple[str, ...]] = (
    "疑难复杂工单，提级办理，请主要负责人包案。",
    "连续两次不满意，由上一级组织会商后重新交办。",
)

FOLLOW_UPS: Final[Mapping[Satisfaction, tuple[str, ...]]] = {
    Satisfaction.VERY_SATISFIED: ("处理及时，非常满意。", "经办人员很负责，问题当天解决。"),
    Satisfaction.SATISFIED: ("问题已解决，表示满意。", "结果认可。", "满意，希望继续保持。"),
    Satisfaction.NEUTRAL: ("基本解决，但时间偏长。", "结果可以接受。"),
    Satisfaction.UNSATISFIED: ("只有答复没有解决。", "答复内容与实际不符。", "承诺的时间没有兑现。"),
    Satisfaction.VERY_UNSATISFIED: ("问题原样存在，非常不满意。", "没有人联系过我就办结了。"),
}

WITHDRAWALS: Final[tuple[str, ...]] = (
    "问题已自行解决，撤回。",
    "已与对方协商一致，不再反映。",
    "重复提交，撤回本件。",
)
