"""One module per trainer, named as `training.trainer` names it.

What belongs here: modules with a function `train(job)`, which runs in a process of its own, trains
the model that the job names, saves it, and writes its log. What does not: the choice of what is
trained on.
"""
