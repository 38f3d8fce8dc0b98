"""Settings: one typed object read from the environment, every name prefixed ``PREPAY_``."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_OPERATOR_KEY = "op_dev_0000000000000000"
DEVELOPMENT_PEPPER = "development-pepper-not-for-production"
DEVELOPMENT_SEAL_KEY = "ZGV2ZWxvcG1lbnQtc2VhbGluZy1rZXktMzItYnl0ZSE="


class Settings(BaseSettings):
    """What an operator can set. ``prepay doctor`` lists every one with its source."""

    model_config = SettingsConfigDict(
        env_prefix="PREPAY_",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,  # an error's input would be every setting, secrets among them
    )

    environment: Literal["development", "production"] = Field(
        default="development", description="production refuses the development key, pepper and sealing key"
    )
    database_url: SecretStr = Field(
        default=SecretStr("postgresql://prepay_app:prepay@127.0.0.1:5433/prepay"), description="the application's role"
    )
    database_owner_url: SecretStr = Field(
        default=SecretStr("postgresql://prepay_owner:prepay@127.0.0.1:5433/prepay"),
        description="the owning role, for `prepay migrate` alone",
    )
    database_pool_size: int = Field(default=10, ge=1, le=200, description="connections each process may hold")
    temporal_address: str = Field(default="127.0.0.1:7233", description="host:port of the Temporal frontend")
    temporal_namespace: str = Field(default="prepay", description="namespace of our workflows")
    temporal_api_key: SecretStr | None = Field(default=None, description="API key of Temporal Cloud")
    temporal_tls_cert: str | None = Field(default=None, description="file with the client certificate (PEM)")
    temporal_tls_key: str | None = Field(default=None, description="file with the client's private key (PEM)")
    temporal_tls_ca: str | None = Field(default=None, description="file with the server's root certificate (PEM)")
    temporal_ui_url: AnyHttpUrl = Field(
        default=AnyHttpUrl("http://127.0.0.1:8233"), description="where links into the Temporal UI point"
    )
    task_queue: str = Field(default="prepay", description="task queue shared by API and workers")
    stripe_api_key: SecretStr = Field(default=SecretStr(""), description="empty: speak to the sandbox")
    stripe_api_base: AnyHttpUrl | None = Field(
        default=None, description="Stripe's address; the sandbox's when no key is set"
    )
    stripe_webhook_secret: SecretStr = Field(default=SecretStr(""), description="whsec_… of our webhook endpoint")
    stripe_timeout_seconds: float = Field(default=20.0, gt=0, description="time allowed for one call")
    poll_seconds: float = Field(default=30.0, gt=0, description="how often lost webhooks are looked for")
    sandbox_url: AnyHttpUrl = Field(default=AnyHttpUrl("http://127.0.0.1:12111"), description="the Stripe sandbox")
    public_url: AnyHttpUrl = Field(
        default=AnyHttpUrl("http://127.0.0.1:8000"), description="how customers and Stripe reach this API"
    )
    api_host: str = Field(default="127.0.0.1", description="address the API listens on")
    api_port: int = Field(default=8000, ge=0, le=65535, description="port the API listens on")
    metrics_host: str = Field(default="127.0.0.1", description="address the worker's metrics listen on")
    metrics_port: int = Field(default=9464, ge=0, le=65535, description="port of the worker's metrics")
    smtp_host: str = Field(default="127.0.0.1", description="mail relay")
    smtp_port: int = Field(default=1025, ge=1, le=65535, description="its port")
    smtp_username: str | None = Field(default=None, description="user at the mail relay")
    smtp_password: SecretStr | None = Field(default=None, description="password at the mail relay")
    smtp_tls: Literal["none", "starttls", "tls"] = Field(default="none", description="encryption to the mail relay")
    mail_from: str = Field(default="Prepay <billing@prepay.example>", description="sender of every mail")
    operator_email: str = Field(default="operators@prepay.example", description="where operators are told")
    token_pepper: SecretStr = Field(
        default=SecretStr(DEVELOPMENT_PEPPER), description="key of the hashes of API tokens, at least 32 characters"
    )
    seal_key: SecretStr = Field(
        default=SecretStr(DEVELOPMENT_SEAL_KEY), description="base64 of 32 bytes: AES-256-GCM key of sealed values"
    )
    webhook_allow_private: str | None = Field(
        default=None,
        description="networks that outgoing webhooks may reach although they are not public, by plain HTTP too, such as"
        " 127.0.0.0/8,::1/128",
    )
    max_recharge: str = Field(default="10000.00", description="largest recharge in dollars (rule C2)")
    bank_code_attempts: int = Field(default=5, ge=1, le=10, description="wrong codes allowed (rule E4)")
    retry_ladder: str = Field(
        default="1h,1d,3d",
        pattern=r"^[1-9][0-9]{0,4}[mhd](, ?[1-9][0-9]{0,4}[mhd]){0,3}$",
        description="when auto-recharge tries again: spans after the last decline, 15m to 30d, at most four (rule D6)",
    )
    retention_days: int = Field(default=30, ge=1, le=3650, description="from balance zero to its end (rule B2)")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="least level logged")
    log_format: Literal["json", "console"] = Field(default="json", description="shape of log lines")

    @field_validator("webhook_allow_private")
    @classmethod
    def _refuse_what_is_no_network(cls, text: str | None) -> str | None:
        _networks(text)
        return text

    @model_validator(mode="after")
    def _refuse_development_secrets(self) -> "Settings":
        if self.environment == "production":
            for name, value, unsafe in (
                ("PREPAY_TOKEN_PEPPER", self.token_pepper, DEVELOPMENT_PEPPER),
                ("PREPAY_SEAL_KEY", self.seal_key, DEVELOPMENT_SEAL_KEY),
            ):
                if value.get_secret_value() == unsafe:
                    raise ValueError(f"{name} still has its development value: set a secret of your own")
        return self

    @property
    def webhook_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of ``webhook_allow_private``."""
        return _networks(self.webhook_allow_private)

    @property
    def uses_sandbox(self) -> bool:
        """Whether calls go to the Stripe sandbox: no key of a real account is set."""
        return not self.stripe_api_key.get_secret_value()

    @property
    def processor_key(self) -> str:
        """The secret key sent to Stripe, or the one that the sandbox takes."""
        return self.stripe_api_key.get_secret_value() or "sk_test_sandbox"

    @property
    def processor_base(self) -> str:
        """Address of Stripe's API: the override, else the sandbox without a key, else Stripe itself."""
        if self.stripe_api_base is not None:
            return str(self.stripe_api_base).rstrip("/")
        return str(self.sandbox_url).rstrip("/") if self.uses_sandbox else "https://api.stripe.com"


def _networks(text: str | None) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks with commas between them. Raises ValueError for anything else."""
    return tuple(ip_network(part.strip()) for part in (text or "").split(",") if part.strip())
