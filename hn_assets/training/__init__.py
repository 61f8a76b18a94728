"""From a training set to a fine-tuned model.

What belongs here: the rows that a model is trained on, one module per trainer in `trainers`, and
the process that trains, with its checkpoints. What does not: which negatives there are, which is
in `mining`; whether the model became better, which is in `evaluation`.
"""
