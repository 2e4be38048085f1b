"""Guard rules, one file each."""
