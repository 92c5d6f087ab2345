"""What is claimed is computed by programs as users get them, long runs faster than in other tests."""

import os

os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "0"
