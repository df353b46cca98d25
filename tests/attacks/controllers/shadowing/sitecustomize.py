"""Row 26: would be run when an interpreter starts here."""

import sys

sys.sitecustomize_ran = True
