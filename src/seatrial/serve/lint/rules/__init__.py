"""All rules: importing this package fills the registry of `lint.rule`."""
