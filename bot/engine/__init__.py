"""The worker: due jobs take one step at a time. Pure rules apart from the steps that use them."""
