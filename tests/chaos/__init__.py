"""Real processes, killed and cut at random while clients write down what they were told."""
