"""The example repository: a lending library's desk with one late fee wrong. `files/` is data, never imported."""
