"""From tumor cells to what scans show of them, and back."""
