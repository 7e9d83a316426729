"""tongban keys: the gateway's own signing keys."""

from cyclopts import App

from gateway.cli.output import err
from gateway.evidence.keys import create_key, load_keys
from gateway.settings import Settings

app = App(name="keys", help="签名密钥: make or rotate the keys that sign receipts and tokens.")


@app.command
def init() -> int:
    """建立密钥: make the first key; refused where there is one."""
    settings = Settings()
    if load_keys(settings.keys) is not None:
        err.print(f"{settings.keys} 中已有密钥；更换请用 tongban keys rotate。Keys exist; use: tongban keys rotate")
        return 1
    err.print(f"已建立密钥 created {create_key(settings.keys)} in {settings.keys}")
    return 0


@app.command
def rotate() -> int:
    """更换密钥: a new key signs from now on; what older keys signed still verifies; running gateways follow."""
    settings = Settings()
    err.print(f"已更换密钥 rotated to {create_key(settings.keys)} in {settings.keys}")
    return 0
