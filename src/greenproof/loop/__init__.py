"""The steps, their order and the policy: the only place that knows hands and minds."""
