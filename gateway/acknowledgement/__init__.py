"""What we answer a partner, as bytes: receipt, control report, final report; nothing is written to disk here and no clock is read."""

from __future__ import annotations

from gateway.acknowledgement.control import ControlLines, control_report
from gateway.acknowledgement.final import FinalAnswers, final_report
from gateway.acknowledgement.receipt import receipt

__all__ = ["ControlLines", "FinalAnswers", "control_report", "final_report", "receipt"]
