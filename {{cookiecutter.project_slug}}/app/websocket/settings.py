"""What sockets and rooms can be told by the environment."""

from pydantic import Field

from app.settings import Environment


class WebsocketSettings(Environment):
    """The limits of sockets and rooms; 0 takes one away."""

    websocket_ping_seconds: float = Field(default=20, ge=0, allow_inf_nan=False)
    websocket_message_bytes: int = Field(default=65536, ge=0)
    websocket_messages_per_minute: int = Field(default=300, ge=0)
    websocket_sockets_per_address: int = Field(default=200, ge=0)
    websocket_sockets_per_person: int = Field(default=50, ge=0)
    websocket_history: int = Field(default=1000, ge=0)
    websocket_history_days: float = Field(default=7, ge=0, le=36500)
