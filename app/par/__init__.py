"""The PAR Index beside the satisfaction index: score sheets of units and years, ranks, others' measures."""
