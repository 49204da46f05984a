"""All pages by name, in the menu's groups, each with its Material symbol. New ones: a name here, a file in pages, texts."""

GROUPS: dict[str, tuple[str, ...]] = {
    "": ("home", "lessons", "autoencoder", "latent"),
    "questions": ("properties", "pretraining", "transfer"),
    "work": ("notifications", "malware", "deployment"),
    "reference": ("evidence", "glossary", "teach", "board"),
}
"""Group → pages; those of the first stand in the menu themselves. `menu.<group>` is its name."""
ICONS = {
    "home": "home",
    "lessons": "school",
    "autoencoder": "compress",
    "latent": "scatter_plot",
    "properties": "fact_check",
    "pretraining": "stacks",
    "transfer": "move_down",
    "notifications": "notifications",
    "malware": "bug_report",
    "deployment": "rocket_launch",
    "evidence": "balance",
    "glossary": "dictionary",
    "teach": "co_present",
    "board": "bar_chart",
}
