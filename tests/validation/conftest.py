"""Claims are computed by programs as users get them, which pays where runs are long."""

import os

os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "0"
