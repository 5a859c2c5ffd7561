"""The scripts are run by tests/test_notebooks.py; pytest does not look for doctests in them, as it would run them to look."""

collect_ignore_glob = ["*.py"]
