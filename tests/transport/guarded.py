"""A Kafka with users: what each may do is told by ACLs, and may be taken away while a client runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from training.demo.broker import EmbeddedKafka
from training.demo.ports import free_port

USERS = ("weak", "reader", "daemon")
PASSWORD = "right"  # noqa: S105 - of a broker that lives as long as a test
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


class GuardedKafka(EmbeddedKafka):
    """A Kafka with one listener more, by SASL, where :data:`USERS` may do what ACLs allow; elsewhere everyone may."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sasl = f"localhost:{free_port()}"

    def _settings(self, node: Any, nodes: Any) -> dict[str, str]:
        known = super()._settings(node, nodes)
        users = " ".join(f'user_{name}="{PASSWORD}"' for name in USERS)
        return known | {
            "listeners": f"{known['listeners']},SASL://{self.sasl}",
            "advertised.listeners": f"{known['advertised.listeners']},SASL://{self.sasl}",
            "listener.security.protocol.map": f"{known['listener.security.protocol.map']},SASL:SASL_PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl.plain.sasl.jaas.config": f"{_PLAIN} {users};",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }

    def allow(self, *rights: AclBinding) -> None:
        """Put ACLs in force, those that deny among them."""
        admin = self._admin()
        for done in admin.create_acls(list(rights)).values():
            done.result(20)

    def take_back(self, right: AclBinding) -> None:
        """Have an ACL no longer be there."""
        which = AclBindingFilter(
            right.restype,
            right.name,
            right.resource_pattern_type,
            right.principal,
            right.host,
            right.operation,
            right.permission_type,
        )
        admin = self._admin()
        for done in admin.delete_acls([which]).values():
            assert len(done.result(20)) == 1

    def _admin(self) -> AdminClient:
        """A client, to be held until it has answered."""
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})


def right(
    user: str, operation: AclOperation, kind: ResourceType, name: str = "*", *, denied: bool = False
) -> AclBinding:
    """That a user may, or may not, do something with a topic or group (``*``: with each)."""
    permission = AclPermissionType.DENY if denied else AclPermissionType.ALLOW
    return AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", operation, permission)
