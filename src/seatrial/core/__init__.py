"""Words as types: messages, generations, traces, results, locks, config, errors. No I/O."""
