"""Every permission, in one alphabetised list: `OBJECT_ACTION = "object:action"`."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """What a role may do to a kind of object; the Casbin policy says which role, and how far it reaches."""

    ENTERPRISE_READ = "enterprise:read"
    ROLE_GRANT = "role:grant"
    ROLE_READ = "role:read"
    SCHEMA_INTROSPECT = "schema:introspect"
    SCHEME_PUBLISH = "scheme:publish"
    SCHEME_READ = "scheme:read"
    TENANT_CREATE = "tenant:create"
    TICKET_ACCEPT = "ticket:accept"
    TICKET_ACKNOWLEDGE = "ticket:acknowledge"
    TICKET_ANSWER = "ticket:answer"
    TICKET_ARBITRATE = "ticket:arbitrate"
    TICKET_COMMENT = "ticket:comment"
    TICKET_DECLINE = "ticket:decline"
    TICKET_DISPATCH = "ticket:dispatch"
    TICKET_DISPATCH_ESCALATED = "ticket:dispatch_escalated"
    TICKET_FOLLOW_UP = "ticket:follow_up"
    TICKET_NOTE = "ticket:note"
    TICKET_RATE = "ticket:rate"
    TICKET_READ = "ticket:read"
    TICKET_READ_INTERNAL = "ticket:read_internal"
    TICKET_READ_REPORTER = "ticket:read_reporter"
    TICKET_READ_RESTRICTED = "ticket:read_restricted"
    TICKET_RESOLVE = "ticket:resolve"
    TICKET_RETURN = "ticket:return"
    TICKET_SUBMIT = "ticket:submit"
    TICKET_WITHDRAW = "ticket:withdraw"
    USER_READ = "user:read"
