"""C{python -m appliance.cli} is C{butterfly-tls}."""

import sys

from appliance.cli.main import main

sys.exit(main())
