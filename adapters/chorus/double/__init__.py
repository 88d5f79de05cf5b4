"""The Chorus double: the State's side for demos and tests; it is not Chorus Pro and shares no reader with the gateway.

Its rules stand in judgement.py and are printed by `gateway chorus-double --rules`.
"""

from adapters.chorus.double.http import ControlPort
from adapters.chorus.double.judgement import RULES
from adapters.chorus.double.server import Double
from adapters.chorus.double.sftp import SftpPort

__all__ = ["RULES", "ControlPort", "Double", "SftpPort"]
