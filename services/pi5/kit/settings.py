"""The settings and their defaults: what `pi5.yaml` and PI5_… variables may say.

Each class is a section, each field a setting; the comment behind a field is its description in
`pi5 config show` and in the configuration service.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

SERVICES = (
    "data",
    "strategy",
    "risk",
    "execution",
    "portfolio",
    "backtest",
    "system",
    "web",
)
GRPC_SERVICES = SERVICES[:-1]
DEFAULT_PORTS = {name: 50051 + index for index, name in enumerate(GRPC_SERVICES)}


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the settings."""


class SystemSettings(Section, frozen=True):
    environment: Literal["paper", "live"] = "paper"  # paper, or literally live
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"  # least level that is logged
    currency: str = "USD"  # base currency of accounts


class DatabaseSettings(Section, frozen=True):
    url: str = ""  # postgresql:// address; the embedded PostgreSQL when empty
    bin_folder: str = ""  # folder of PostgreSQL binaries to run instead of the bundled ones
    pool_size: int = 4  # connections of each service


class WebSettings(Section, frozen=True):
    host: str = "0.0.0.0"  # noqa: S104 - address to listen on; a phone in the house should reach it
    port: int = 8080  # port of the dashboard and the REST interface
    lan_only: bool = True  # refuse clients from outside private networks
    allowed_origins: tuple[str, ...] = ()  # further origins whose pages may open a WebSocket
    requests_per_minute: int = 100  # of one client; halt and cancel are exempt
    tls_certificate: str = ""  # file; TLS when set
    tls_key: str = ""  # file
    secure_cookies: bool = False  # set behind a TLS proxy


class ServiceSettings(Section, frozen=True):
    port: int = -1  # TCP port on loopback; -1 for the default, 0 for none
    address: str = ""  # host:port of the service when it runs elsewhere


class SyntheticSettings(Section, frozen=True):
    enabled: bool = True  # run the synthetic market
    symbols: tuple[str, ...] = ("ACME", "GLOBEX", "INITECH")  # its instruments
    seed: int = 5  # seed of its order flow
    orders_per_second: float = 20.0  # mean rate of each instrument's order flow


class ReplaySettings(Section, frozen=True):
    enabled: bool = True  # replay the sample bars as a live feed
    symbols: tuple[str, ...] = ("SPX", "MSFT")  # instruments to replay
    bars_per_second: float = 1.0  # speed for each instrument


class DataSettings(Section, frozen=True):
    import_samples: bool = True  # import the shipped sample bars on first start
    synthetic: SyntheticSettings = SyntheticSettings()
    replay: ReplaySettings = ReplaySettings()
    stale_after_ms: int = 10_000  # a quote older than this is stale


class StrategyInstance(Section, frozen=True):
    id: str  # unique name
    type: str  # strategy type, such as ma-crossover
    symbols: tuple[str, ...]  # instruments
    timeframe: str = "1d"  # length of bars: 1s 5s 1m 5m 15m 1h 4h 1d
    parameters: dict[str, str | int | float | bool] = {}  # parameters that differ from defaults
    enabled: bool = True  # started with the system


DEMO_STRATEGIES = (
    StrategyInstance(
        id="ma-crossover-synthetic",
        type="ma-crossover",
        symbols=("ACME", "GLOBEX", "INITECH"),
        timeframe="1s",
        parameters={"fast": 8, "slow": 24},
    ),
    StrategyInstance(
        id="ma-crossover-replay",
        type="ma-crossover",
        symbols=("SPX", "MSFT"),
        timeframe="1d",
        parameters={"fast": 10, "slow": 20},
    ),
)


class StrategySettings(Section, frozen=True):
    folders: tuple[str, ...] = ()  # further folders with plug-ins; PI5_HOME/strategies always
    call_timeout_ms: int = 1_000  # a strategy that takes longer for one event is stopped
    max_restarts: int = 3  # restarts after errors before it stays failed
    instances: tuple[StrategyInstance, ...] = DEMO_STRATEGIES  # created on first start


class SizingSettings(Section, frozen=True):
    method: Literal["fixed_qty", "fixed_fraction"] = "fixed_fraction"  # how signals are sized
    fixed_qty: Decimal = Decimal(1)  # quantity for fixed_qty
    fraction: Decimal = Decimal("0.05")  # share of equity for fixed_fraction


class RiskSettings(Section, frozen=True):
    max_position_share: Decimal = Decimal("0.15")  # largest share of equity in one position
    max_exposure_share: Decimal = Decimal("0.90")  # largest share of equity in all positions
    max_daily_loss_share: Decimal = Decimal("0.03")  # largest loss of a day
    allow_short: bool = False  # a sell signal may open a short position
    max_price_age_ms: int = 10_000  # oldest price on which a position may be opened
    max_portfolio_lag_ms: int = 10_000  # silence of portfolio after which nothing is opened
    approval_valid_ms: int = 2_000  # how long an approval may be used
    sizing: SizingSettings = SizingSettings()


class SimulatedBrokerSettings(Section, frozen=True):
    enabled: bool = True  # the paper exchange
    fee_rate: Decimal = Decimal("0.0001")  # fee as a share of the value
    min_fee: Decimal = Decimal(0)  # least fee of a fill
    latency_ms: int = 5  # time from order to venue


class RemoteBrokerSettings(Section, frozen=True):
    name: str  # broker name
    address: str  # unix:path or host:port of a BrokerService
    venues: tuple[str, ...]  # venues it serves
    live: bool = False  # trades real money


class ExecutionSettings(Section, frozen=True):
    simulated: SimulatedBrokerSettings = SimulatedBrokerSettings()
    remote_brokers: tuple[RemoteBrokerSettings, ...] = ()  # brokers behind BrokerService
    broker_timeout_ms: int = 2_000  # no answer after this: the order's fate is unknown
    risk_timeout_ms: int = 1_000  # no decision after this: nothing is sent
    reconcile_interval_s: float = 30.0  # time between comparisons with the brokers


class PortfolioSettings(Section, frozen=True):
    initial_cash: Decimal = Decimal(100_000)  # cash of a new paper account
    equity_interval_s: float = 5.0  # time between points of the equity curve
    day_starts_at_utc_hour: int = 0  # hour at which the trading day begins


class BacktestSettings(Section, frozen=True):
    workers: int = 0  # processes; 0 for one less than the cores, at least one
    max_queued: int = 20  # runs that may wait


class Settings(Section, frozen=True):
    """All settings."""

    system: SystemSettings = SystemSettings()
    database: DatabaseSettings = DatabaseSettings()
    web: WebSettings = WebSettings()
    services: dict[str, ServiceSettings] = {}
    data: DataSettings = DataSettings()
    strategy: StrategySettings = StrategySettings()
    risk: RiskSettings = RiskSettings()
    execution: ExecutionSettings = ExecutionSettings()
    portfolio: PortfolioSettings = PortfolioSettings()
    backtest: BacktestSettings = BacktestSettings()

    def grpc_port(self, service: str) -> int:
        """TCP port of a service on loopback; 0 for none."""
        chosen = self.services.get(service, ServiceSettings()).port
        return DEFAULT_PORTS[service] if chosen < 0 else chosen

    def metrics_port(self, service: str) -> int:
        """HTTP port of a service's metrics on loopback; 0 for none."""
        port = self.grpc_port(service)
        return port + 100 if port else 0
