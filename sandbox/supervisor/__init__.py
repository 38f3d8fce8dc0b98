"""The whole local stack in the foreground: started in order, watched, stopped together."""

from sandbox.part import StackError
from sandbox.supervisor.claim import AlreadyRunningError, Running, running
from sandbox.supervisor.interrupt import until_signal
from sandbox.supervisor.stack import Stack

__all__ = ["AlreadyRunningError", "Running", "Stack", "StackError", "running", "until_signal"]
