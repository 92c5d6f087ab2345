"""What people run: the command line, sweeps on disk, reports and benchmarks."""
