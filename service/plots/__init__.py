"""Pictures of experiments; matplotlib is loaded by the first one."""
