"""`python -m sandbox.mail --smtp-port N --inbox-port N --data-dir DIR`."""

import argparse
from pathlib import Path

import uvicorn

from sandbox.mail.messages import Mailbox
from sandbox.mail.pages import inbox
from sandbox.ports import HOST


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.mail", description="Keep every mail and show it.")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--inbox-port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    arguments = parser.parse_args()
    app = inbox(Mailbox(arguments.data_dir), smtp_port=arguments.smtp_port)
    uvicorn.run(app, host=HOST, port=arguments.inbox_port, log_level="warning")


if __name__ == "__main__":
    main()
