"""oddflow's tests mirror the packages; ``kafka``, ``faults`` and ``browser`` need real parts."""
