"""Every kind of change that the audit has, in words: what it is called, and what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping


class Words(NamedTuple):
    """A kind of change.

    Attributes:
        title: what it is called.
        sentence: what was done, with names of details in braces.
    """

    title: Text
    sentence: Text


def _words(title: str, title_zh: str, sentence: str, sentence_zh: str) -> Words:
    return Words(Text(title, title_zh), Text(sentence, sentence_zh))


KINDS: Mapping[str, Words] = {
    # filing
    "file": _words(
        "filing", "归档",
        "filed {alerts} alerts ({revisions} revisions), opened {cases} cases; {reopened} alerts came back",
        "归档告警{alerts}条（{revisions}个版本），新建案件{cases}个；{reopened}条告警重新打开",
    ),
    "refile": _words(
        "filing anew", "重新归档", "began to file from log {log} anew", "从日志{log}重新归档"
    ),
    "reopen": _words(
        "reopening", "重新打开",
        "opened it again: alert {alert_id} came back for the {reopened}. time",
        "重新打开：告警{alert_id}第{reopened}次再现",
    ),
    "withdraw": _words(
        "withdrawal", "撤回",
        "withdrew alert {alert_id}, which the log has aborted",
        "撤回日志已中止的告警{alert_id}",
    ),
    "wake": _words("waking", "恢复", "put it back into the queue: {why}", "恢复到队列：{why}"),
    "refused": _words(
        "refused verdict", "判定被拒",
        "the log refused a verdict ({outbox_id}): {message}",
        "日志拒收判定（{outbox_id}）：{message}",
    ),
    # work on cases
    "take": _words("taking", "领取", "took the case", "领取案件"),
    "assign": _words(
        "assigning", "指派",
        "gave the case to {to}; before: {before}",
        "将案件指派给{to}；原处理人：{before}",
    ),
    "release": _words("release", "退回", "gave the case back; before: {before}", "退回案件；原处理人：{before}"),
    "comment": _words("comment", "备注", "wrote comment {comment_id}", "添加备注{comment_id}"),
    "decide": _words(
        "verdict", "判定",
        "gave the verdict {verdict} (reason {reason_code}) on {alert_ids}; decision {decision_id}",
        "将{alert_ids}判定为{verdict}（原因{reason_code}）；判定编号{decision_id}",
    ),
    "propose": _words(
        "proposed verdict", "拟判定",
        "proposed the verdict {verdict} (reason {reason_code}) on {alert_ids}; decision {decision_id}",
        "拟将{alert_ids}判定为{verdict}（原因{reason_code}）；判定编号{decision_id}",
    ),
    "agree": _words(
        "agreement", "同意判定",
        "agreed to decision {decision_id} on {alert_ids}",
        "同意判定{decision_id}（{alert_ids}）",
    ),
    "decline": _words("refusal", "不同意判定", "did not agree to decision {decision_id}", "不同意判定{decision_id}"),
    "undo": _words("undoing", "撤销判定", "took decision {decision_id} back", "撤销判定{decision_id}"),
    "merge": _words(
        "merging", "合并",
        "merged it into case {into}, with {alert_ids}",
        "合并到案件{into}，含{alert_ids}",
    ),
    "move": _words("moving", "移动", "moved {alert_ids} here", "将{alert_ids}移入本案件"),
    "detach": _words(
        "detaching", "拆分",
        "opened it for {alert_ids}, taken out of another case",
        "从其他案件拆出{alert_ids}，单独立案",
    ),
    "open_cause_case": _words(
        "case of a cause", "成因立案",
        "opened it for cause {cause_id}, with {alert_ids}",
        "为成因{cause_id}立案，含{alert_ids}",
    ),
    "snooze": _words("snooze", "暂缓", "put it off until {until_ms}: {reason}", "暂缓至{until_ms}：{reason}"),
    "end_snooze": _words("end of a snooze", "结束暂缓", "put it back into the queue", "恢复到队列"),
    "suppress": _words(
        "suppression", "屏蔽",
        "keeps alerts of “{detector}” of merchant {merchant_id} out of the queue until {until_ms}: {reason}",
        "商户{merchant_id}的“{detector}”告警屏蔽至{until_ms}：{reason}",
    ),
    "lift": _words(
        "end of a suppression", "取消屏蔽",
        "ended suppression {suppression_id}",
        "取消屏蔽{suppression_id}",
    ),
    "recommend": _words(
        "recommended action", "建议措施",
        "recommended: {action} (action {action_id}); approval by two: {approved_by_two}",
        "建议措施：{action}（编号{action_id}）；需双人审批：{approved_by_two}",
    ),
    "approve": _words(
        "approval", "审批",
        "approved action {action_id}, which is {status} now",
        "审批措施{action_id}，当前状态：{status}",
    ),
    "record": _words(
        "recorded action", "措施登记",
        "recorded that action {action_id} was done",
        "登记措施{action_id}已执行",
    ),
    "escalate": _words("escalation", "上报", "escalated it to {to}: {reason}", "上报给{to}：{reason}"),
    "answer": _words("answer", "答复上报", "answered escalation {escalation_id}", "答复上报{escalation_id}"),
    "flag": _words("flag", "请求复看", "asked for a second pair of eyes: {why}", "请他人复看：{why}"),
    "lift_flag": _words("lifted flag", "完成复看", "looked as a second, and found: {found}", "复看结论：{found}"),
    "remind": _words("reminder", "提醒", "set a reminder of {user_id} for {due_ms}", "为{user_id}设置{due_ms}的提醒"),
    "done": _words("done reminder", "提醒完成", "marked reminder {reminder_id} as done", "完成提醒{reminder_id}"),
    "attach": _words(
        "attachment", "附件",
        "attached {name}, {size} bytes (SHA-256 {sha256})",
        "上传附件{name}，{size}字节（SHA-256 {sha256}）",
    ),
    "bulk_decide": _words(
        "verdict on many", "批量判定",
        "gave the verdict {verdict} (reason {reason_code}) on {alerts} alerts of {case_ids}; {money}",
        "将{case_ids}的{alerts}条告警批量判定为{verdict}（原因{reason_code}）；{money}",
    ),
    "bulk_take": _words("taking of many", "批量领取", "took {case_ids}", "批量领取{case_ids}"),
    "bulk_snooze": _words(
        "snooze of many", "批量暂缓",
        "put {case_ids} off until {until_ms}: {reason}",
        "{case_ids}暂缓至{until_ms}：{reason}",
    ),
    "bulk_undo": _words("undoing of many", "批量撤销", "took bulk {bulk_id} back", "撤销批量操作{bulk_id}"),
    "ask": _words(
        "retrieval", "调单",
        "asked for documents until {due_ms}, for {transactions} of case {from_case_id}: {documents}",
        "调单：案件{from_case_id}的{transactions}，须于{due_ms}前提供{documents}",
    ),
    "close": _words("end of a retrieval", "调单结束", "closed the retrieval: {outcome}", "调单结束：{outcome}"),
    "draw": _words(
        "re-check drawn", "质检抽样", "drew it for a re-check ({recheck_id}), seed {seed}",
        "抽取质检{recheck_id}，随机种子{seed}",
    ),
    "recheck": _words(
        "re-check", "质检",
        "checked it again ({recheck_id}); agrees: {agrees}",
        "质检{recheck_id}；与原判定一致：{agrees}",
    ),
    # merchants
    "draft": _words(
        "draft", "草稿", "drafted a change of {of} of merchant {merchant_id} ({draft_id}): {changes}; why: {why}",
        "起草商户{merchant_id}的{of}变更（编号{draft_id}）：{changes}；原因：{why}",
    ),
    "approve_draft": _words(
        "approved draft", "草稿通过", "approved draft {draft_id} of {of} of merchant {merchant_id}",
        "通过商户{merchant_id}的{of}草稿{draft_id}",
    ),
    "reject_draft": _words(
        "rejected draft", "草稿驳回", "rejected draft {draft_id} of {of} of merchant {merchant_id}: {reason}",
        "驳回商户{merchant_id}的{of}草稿{draft_id}：{reason}",
    ),
    "write_note": _words(
        "note", "商户记录", "wrote note {note_id} on merchant {merchant_id}", "为商户{merchant_id}添加记录{note_id}"
    ),
    "record_visit": _words(
        "visit", "走访", "recorded visit {visit_id} of merchant {merchant_id}: {outcome}",
        "登记商户{merchant_id}的走访{visit_id}：{outcome}",
    ),
    "import_visits": _words(
        "visits taken in", "导入走访",
        "took in visits of {merchants} merchants: {new} new, {corrected} corrected",
        "导入{merchants}户商户的走访：新增{new}次，更正{corrected}次",
    ),
    "hand_over": _words(
        "hand-over", "交接", "handed team {team_id}'s shift of {day} over ({handover_id})",
        "团队{team_id}{day}班次交接（编号{handover_id}）",
    ),
    # tasks of reps
    "give_task": _words(
        "task", "下派任务",
        "gave {rep_id} task {task_id} ({of_kind}) at merchant {merchant_id}, due {due_ms}",
        "向{rep_id}下派任务{task_id}（{of_kind}），商户{merchant_id}，须于{due_ms}前完成",
    ),
    "acknowledge_task": _words("task read", "任务知悉", "read task {task_id}", "已知悉任务{task_id}"),
    "answer_task": _words(
        "answered task", "任务反馈", "answered task {task_id}: {outcome}; photos: {photos} (answer {answer_id})",
        "反馈任务{task_id}：{outcome}；照片{photos}张（反馈编号{answer_id}）",
    ),
    "withdraw_task": _words(
        "withdrawn task", "任务撤销", "withdrew task {task_id}: {reason}", "撤销任务{task_id}：{reason}"
    ),
    "bring_back_task": _words(
        "task again", "任务恢复", "brought task {task_id} back with the undoing", "判定撤销，恢复任务{task_id}"
    ),
    "add_photo": _words(
        "photo", "任务照片", "sent photo {photo_id} of task {task_id}, {size} bytes (SHA-256 {sha256})",
        "上传任务{task_id}的照片{photo_id}，{size}字节（SHA-256 {sha256}）",
    ),
    "erase_photo": _words(
        "erased photo", "删除照片", "erased photo {photo_id} of task {task_id}: {reason}",
        "删除任务{task_id}的照片{photo_id}：{reason}",
    ),
    "erase_position": _words(
        "erased position", "删除位置", "erased the position of task {task_id}", "删除任务{task_id}的位置"
    ),
    "drop_photos": _words(
        "dropping of photos", "清理照片",
        "erased what is too old: {photos} photos, {positions} positions, {parts} parts of photos that never came whole",
        "清理过期数据：照片{photos}张、位置{positions}处、未传完的照片分片{parts}个",
    ),
    "make_task_link": _words(
        "link to a task", "任务链接", "made a link to task {task_id} for {user_id}, good until {until_ms}",
        "为{user_id}生成任务{task_id}的链接，有效至{until_ms}",
    ),
    "use_task_link": _words(
        "link used", "链接使用", "opened the link to task {task_id} on a phone; address {address}",
        "在手机上打开任务{task_id}的链接；地址：{address}",
    ),
    "refuse_task_link": _words(
        "link refused", "链接被拒",
        "another phone opened the link to task {task_id} and was refused; address {address}",
        "另一台手机打开任务{task_id}的链接被拒；地址：{address}",
    ),
    # the queue, controls, what is kept
    "put_policy": _words(
        "order of the queue", "排序设置",
        "set the queue's order: {per_day} cases a day; costs by risk code {costs}",
        "修改队列排序：每日{per_day}件；各风险代码权重{costs}",
    ),
    "rank": _words(
        "re-ranker", "重排模型",
        "fitted the re-ranker on {verdicts} verdicts; in force: {in_force}",
        "以{verdicts}条判定训练重排模型；启用：{in_force}",
    ),
    "propose_control": _words(
        "proposed control", "控制项提案",
        "proposed a version of {of} (proposal {proposal_id}): {reason}; withdraws version {withdraws}",
        "提交{of}的新版本（提案{proposal_id}）：{reason}；撤回版本：{withdraws}",
    ),
    "publish_control": _words(
        "published control", "控制项发布",
        "published proposal {proposal_id} of {proposed_by} as version {version} of {of}, from {effective_from} on",
        "将{proposed_by}的提案{proposal_id}发布为{of}版本{version}，自{effective_from}起",
    ),
    "close_control": _words(
        "answered proposal", "提案答复",
        "answered proposal {proposal_id} of {of}: {status}; {reason}",
        "答复{of}的提案{proposal_id}：{status}；{reason}",
    ),
    "drop": _words(
        "dropping", "清理",
        "dropped what is too old: {days} days of merchants and {scores} scores before {days_before}, {transactions}"
        " transactions before {transactions_before}",
        "清理过期数据：{days_before}之前的商户日数据{days}条、评分{scores}条，{transactions_before}之前的交易{transactions}条",
    ),
    # people
    "put_user": _words(
        "user", "用户",
        "set user {user_id} ({name}): roles {roles}; team {team_id}; disabled: {disabled}; program: {is_service}",
        "设置用户{user_id}（{name}）：角色{roles}；团队{team_id}；停用：{disabled}；程序账户：{is_service}",
    ),
    "put_team": _words("team", "团队", "set team {team_id}: {name}", "设置团队{team_id}：{name}"),
    "set_password": _words("password", "密码", "set the password of {user_id}", "设置{user_id}的密码"),
    "make_link": _words(
        "one-time link", "一次性链接",
        "made a one-time link for {user_id}",
        "为{user_id}生成一次性链接",
    ),
    "sign_in": _words("sign-in", "登录", "signed in by {by}; address {address}", "登录，方式：{by}；地址：{address}"),
    "sign_in_refused": _words(
        "refused sign-in", "登录被拒",
        "a sign-in as {user_id} was refused; address {address}",
        "以{user_id}登录被拒；地址：{address}",
    ),
    "sign_out": _words("sign-out", "退出", "signed out", "退出登录"),
    "end_sessions": _words(
        "end of sessions", "结束会话",
        "ended {sessions} sessions of {user_id}",
        "结束{user_id}的{sessions}个会话",
    ),
    "make_token": _words(
        "token", "令牌",
        "made token {token_id} ({name}) of {user_id} until {until_ms}, for {scopes}",
        "为{user_id}生成令牌{token_id}（{name}），有效至{until_ms}，权限范围{scopes}",
    ),
    "revoke_token": _words("revoked token", "吊销令牌", "revoked token {token_id}", "吊销令牌{token_id}"),
    # notices
    "make_notice": _words(
        "notice", "通知",
        "planned notice {notice_id} to {recipient} about {shops} shops",
        "生成发给{recipient}的通知{notice_id}，涉及商户{shops}家",
    ),
    "make_silence": _words(
        "silence", "静默",
        "made silence {silence_id} of {matchers} from {from_ms} until {until_ms}: {reason}",
        "新建静默{silence_id}，条件{matchers}，自{from_ms}至{until_ms}：{reason}",
    ),
    "resend_notice": _words(
        "sending again", "重新发送",
        "had notice {notice_id} sent again; before: {before}",
        "重新发送通知{notice_id}；此前状态：{before}",
    ),
    "set_culprit_rule": _words(
        "where findings go", "告警去向",
        "let findings of kind {of} go to {goes_to}: {reason}",
        "将{of}类告警的去向设为{goes_to}：{reason}",
    ),
    "expire_silence": _words("ended silence", "结束静默", "ended silence {silence_id}", "结束静默{silence_id}"),
}  # fmt: skip
"""By kind; `tests/console/test_audit_page.py` finds a kind that casework enters and that has no words."""
