"""The training module of the Representation Learning Lab: usable without any browser, and the only place that trains."""
