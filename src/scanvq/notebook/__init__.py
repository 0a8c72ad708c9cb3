"""What a notebook shows: tables and pictures in place of plain text."""
