"""A real Kafka that lets in whom it knows: TLS, SCRAM, PLAIN, client certificates and rights by topic."""

import subprocess
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from connectors.kafka.client import Brokers
from ops.broker.apache import ApacheKafka
from schemas.topics import INPUTS, OUTPUTS

PLAIN_USERS = {"plainly": "a-pl4in-s3cret"}
KEY_PASSWORD = "a-k3y-s3cret"
READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE


class Authority:
    """Who signs certificates, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder, self.certificate = folder, folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
                      "-subj", "/CN=authority")  # fmt: skip

    def signed(self, name: str, password: str = "") -> tuple[Path, Path]:
        """Certificate and key of a name, for 127.0.0.1; the key enciphered where a password is given."""
        cipher = ["-passout", f"pass:{password}"] if password else ["-nodes"]
        self._openssl("req", "-newkey", "rsa:2048", *cipher, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj",
                      f"/CN={name}")  # fmt: skip
        (self.folder / "more").write_text("subjectAltName=IP:127.0.0.1\n")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                      f"{name}.pem", "-days", "2", "-extfile", "more")  # fmt: skip
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _openssl(self, *words: str) -> None:
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr


class SecuredKafka:
    """Such a broker; whoever uses its open listener may do everything."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "authority")
        certificate, key = self.authority.signed("broker")
        (folder / "broker.pem").write_text(key.read_text() + certificate.read_text())
        login = "org.apache.kafka.common.security"
        users = " ".join(f'user_{name}="{password}"' for name, password in PLAIN_USERS.items())
        settings = {
            "ssl.keystore.type": "PEM", "ssl.keystore.location": str(folder / "broker.pem"),
            "ssl.truststore.type": "PEM", "ssl.truststore.location": str(self.authority.certificate),
            "listener.name.ssl.ssl.client.auth": "required", "sasl.enabled.mechanisms": "SCRAM-SHA-256,PLAIN",
            "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{login}.plain.PlainLoginModule required {users};",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }  # fmt: skip
        self.server = ApacheKafka(folder / "kafka", settings, protocols=("SASL_SSL", "SSL")).start()
        self.open = Brokers(self.server.address)
        self._admin = AdminClient(self.open.client())

    def uri(self, protocol: str) -> str:
        return f"kafka://{self.server.address_of(protocol)}"

    def user(self, name: str, password: str) -> None:
        """Make a SCRAM user, or give one another password."""
        asked = UserScramCredentialUpsertion(
            name, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), password.encode()
        )
        for future in self._admin.alter_user_scram_credentials([asked]).values():
            future.result(30)

    def allow(self, principal: str, *without: tuple[str, AclOperation]) -> None:
        """All rights that a run needs, but those on (topic or kind of resource, operation)."""
        rights = [(ResourceType.TOPIC, name, READ) for name in (*INPUTS, *OUTPUTS)]
        rights += [(ResourceType.TOPIC, name, DESCRIBE) for name in (*INPUTS, *OUTPUTS)]
        rights += [(ResourceType.TOPIC, name, WRITE) for name in OUTPUTS]
        rights += [(ResourceType.TRANSACTIONAL_ID, "accrual-", WRITE), (ResourceType.GROUP, "accrual", READ)]
        kept = [one for one in rights if (one[1], one[2]) not in without]
        for future in self._admin.create_acls([_binding(principal, *one) for one in kept]).values():
            future.result(30)

    def deny(self, principal: str, topic: str, right: AclOperation) -> None:
        """Take a right away."""
        taken = AclBindingFilter(
            ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{principal}", "*", right,
            AclPermissionType.ALLOW,
        )  # fmt: skip
        for future in self._admin.delete_acls([taken]).values():
            assert 1 == len(future.result(30))


def _binding(principal: str, kind: ResourceType, name: str, right: AclOperation) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if kind == ResourceType.TRANSACTIONAL_ID else ResourcePatternType.LITERAL
    return AclBinding(kind, name, pattern, f"User:{principal}", "*", right, AclPermissionType.ALLOW)
