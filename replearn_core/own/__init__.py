"""A visitor's own data: files of strangers become data sets of the lab, in a process with limits, and leave with their visitor.

`worker.prepared` reads a file, `kept.keep` keeps what came of it under a name drawn at random, `datasets.load` takes that name.
"""
