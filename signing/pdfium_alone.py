"""PDFium for one thread at a time.

The library keeps state of the whole process: two threads in it end the process (seen: a segmentation fault
when two letters were signed at once). Whoever calls it does so in a function that is `alone`; what that
function makes of the library's objects ends inside it, so that nothing is let go of while another thread is
in the library. Working processes have one thread and never wait.
"""

from __future__ import annotations

import logging
from typing import Final

from signing.alone import Alone

alone: Final = Alone()
# The library's remarks on odd files are of no use to whoever verifies one.
logging.getLogger("pypdfium2").setLevel(logging.CRITICAL)
